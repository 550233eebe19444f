"""Tables for platforms without any: aligned lines, or a block for each row when they would not fit or have links."""

from __future__ import annotations

import unicodedata

from bots.channels.rich import Rich, Style
from bots.channels.writer import Writer

# A phone shows about this many columns of a monospaced font before it wraps each line into a riddle.
MAX_COLUMNS = 64


class TableRows:
    """The cells of a table as they are read; the first row is its head."""

    def __init__(self) -> None:
        self.rows: list[list[Rich]] = []
        self.aligns: list[str] = []

    def add_row(self) -> None:
        """Begin a row."""
        self.rows.append([])

    def add_cell(self, cell: Rich) -> None:
        """Add a cell to the row begun last."""
        self.rows[-1].append(cell)


def write_table(out: Writer, table: TableRows) -> None:
    """Write a table in the way that shows all of it."""
    linked = any(span.style is Style.LINK for row in table.rows for cell in row for span in cell.spans)
    lines = _align(table)
    if linked or max(_width(line) for line in lines) > MAX_COLUMNS:
        _write_records(out, table)
    else:
        out.styled("\n".join(lines), Style.PRE)


def _write_records(out: Writer, table: TableRows) -> None:
    """Write each row as lines of `head: cell`."""
    head, *rows = table.rows
    for number, row in enumerate(rows or [[]]):
        if number:
            out.write("\n\n")
        for column, title in enumerate(head):
            if column:
                out.write("\n")
            start = out.length
            out.append(title)
            out.span(start, Style.BOLD)
            out.write(": ")
            if column < len(row):
                out.append(row[column])


def _align(table: TableRows) -> list[str]:
    """Return the rows as lines with columns of equal width and a rule below the head."""
    count = max(len(row) for row in table.rows)
    rows = [_texts(row, count) for row in table.rows]
    widths = [max(_width(row[column]) for row in rows) for column in range(count)]
    aligns = [*table.aligns, *[""] * count]
    lines = [" │ ".join(map(_pad, row, widths, aligns)).rstrip() for row in rows]
    lines.insert(1, "─┼─".join("─" * width for width in widths))
    return lines


def _texts(row: list[Rich], count: int) -> list[str]:
    return [cell.text.replace("\n", " ") for cell in row] + [""] * (count - len(row))


def _width(text: str) -> int:
    """Return how many columns the text takes in a monospaced font."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def _pad(text: str, width: int, align: str) -> str:
    space = width - _width(text)
    left = {"right": space, "center": space // 2}.get(align, 0)
    return " " * left + text + " " * (space - left)
