"""Markdown, as a model writes it, to formatted text that every channel can render in its own way.

HTML in it is text and is shown as such; links keep only addresses that are safe to press; pictures become links; tables
become aligned blocks. Invariant: no visible word of the source is lost, whatever the source is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bots.channels.rich import Rich, Style, clean_text
from bots.channels.tables import TableRows, write_table
from bots.channels.writer import Writer

LINK_SCHEMES = frozenset({"http", "https", "tg", "mailto"})
RULE = "———"
BULLETS = ("•", "◦", "▪")
# The parser drops what is nested deeper than this, so text that comes near is shown as it is.
MAX_NESTING = 100
# Beyond this nobody reads it in a chat (it goes out as a file), and the parser's time grows with the square of it.
MAX_CHARS = 24_000
MAX_BRACKETS = 1_500

_OPENING = {"strong": Style.BOLD, "em": Style.ITALIC, "s": Style.STRIKE}


def parse_markdown(text: str) -> Rich:
    """Return what the Markdown looks like; text too long or too deep comes back unformatted."""
    text = clean_text(text)
    if len(text) > MAX_CHARS or text.count("[") > MAX_BRACKETS:
        return Rich(text)
    tokens = _parser().parse(text)
    if max((token.level for token in tokens), default=0) >= MAX_NESTING - 4:
        return Rich(text)
    rich = _Blocks().convert(tokens)
    return rich if rich.text.strip() else Rich(text)


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    options = {"html": False, "maxNesting": MAX_NESTING}
    parser = MarkdownIt("commonmark", options).enable(["table", "strikethrough"])
    # A definition such as `[1]: address` would vanish from the text.
    return parser.disable("reference")


class _Blocks:
    """Walks over the block tokens once, front to back."""

    def __init__(self) -> None:
        self.out = Writer()
        self.lists: list[int | None] = []
        self.quotes: list[int] = []
        self.table: TableRows | None = None

    def convert(self, tokens: Sequence[Token]) -> Rich:
        for token in tokens:
            handler = getattr(self, f"_on_{token.type}", None)
            if handler is not None:
                handler(token)
        return self.out.rich()

    def _on_paragraph_open(self, _token: Token) -> None:
        self.out.begin()

    def _on_paragraph_close(self, token: Token) -> None:
        self.out.gap = 1 if token.hidden else 2

    def _on_inline(self, token: Token) -> None:
        rich = convert_inline(token.children or [])
        if self.table is not None:
            self.table.add_cell(rich)
        else:
            self.out.append(rich)

    def _on_heading_open(self, _token: Token) -> None:
        self.out.begin()
        self.out.open(Style.BOLD)

    def _on_heading_close(self, _token: Token) -> None:
        self.out.close(Style.BOLD)
        self.out.gap = 2

    def _on_fence(self, token: Token) -> None:
        code = token.content.rstrip("\n")
        if code.strip():
            self.out.begin()
            words = token.info.split()
            self.out.styled(code, Style.PRE, words[0] if words else "")
            self.out.gap = 2

    _on_code_block = _on_fence

    def _on_hr(self, _token: Token) -> None:
        self.out.begin()
        self.out.write(RULE)
        self.out.gap = 2

    def _on_blockquote_open(self, _token: Token) -> None:
        self.out.begin()
        self.quotes.append(self.out.length)

    def _on_blockquote_close(self, _token: Token) -> None:
        start = self.quotes.pop()
        if not self.quotes:
            self.out.span(start, Style.QUOTE)
        self.out.gap = 2

    def _on_bullet_list_open(self, _token: Token) -> None:
        self.lists.append(None)

    def _on_ordered_list_open(self, token: Token) -> None:
        start = token.attrGet("start")
        self.lists.append(1 if start is None else int(start))

    def _on_list_item_open(self, _token: Token) -> None:
        self.out.begin()
        number = self.lists[-1]
        if number is None:
            self.out.write(BULLETS[min(len(self.lists), len(BULLETS)) - 1] + " ")
        else:
            self.out.write(f"{number}. ")
            self.lists[-1] = number + 1
        self.out.indent += "  "
        self.out.gap = 0

    def _on_list_item_close(self, _token: Token) -> None:
        self.out.indent = self.out.indent[:-2]
        self.out.gap = max(self.out.gap, 1)

    def _on_list_close(self, _token: Token) -> None:
        self.lists.pop()
        self.out.gap = max(self.out.gap, 1) if self.lists else 2

    _on_bullet_list_close = _on_ordered_list_close = _on_list_close

    def _on_table_open(self, _token: Token) -> None:
        self.table = TableRows()

    def _on_tr_open(self, _token: Token) -> None:
        if self.table is not None:
            self.table.add_row()

    def _on_th_open(self, token: Token) -> None:
        if self.table is not None:
            self.table.aligns.append(str(token.attrGet("style") or "").removeprefix("text-align:"))

    def _on_table_close(self, _token: Token) -> None:
        if self.table is not None:
            self.out.begin()
            write_table(self.out, self.table)
            self.out.gap = 2
        self.table = None


def convert_inline(tokens: Sequence[Token]) -> Rich:
    """Return the formatted text of one line's or paragraph's tokens."""
    out = Writer()
    links: list[tuple[int, str]] = []
    for token in tokens:
        name, _, end = token.type.rpartition("_")
        if name in _OPENING:
            if end == "open":
                out.open(_OPENING[name])
            else:
                out.close(_OPENING[name])
        elif token.type == "link_open":
            links.append((out.length, str(token.attrGet("href") or "")))
        elif token.type == "link_close":
            _end_link(out, *links.pop())
        elif token.type == "image":
            _write_image(out, token, inside_link=bool(links))
        else:
            _write_leaf(out, token, inside_link=bool(links))
    return out.rich()


def _write_leaf(out: Writer, token: Token, *, inside_link: bool) -> None:
    if token.type in {"softbreak", "hardbreak"}:
        out.write("\n")
    elif token.type == "code_inline" and not inside_link:
        out.styled(token.content, Style.CODE)
    else:
        out.write(token.content)


def _write_image(out: Writer, token: Token, *, inside_link: bool) -> None:
    start = out.length
    out.write(convert_inline(token.children or []).text)
    if not inside_link:
        _end_link(out, start, str(token.attrGet("src") or ""))


def _end_link(out: Writer, start: int, url: str) -> None:
    """Turn what was written since `start` into a link, or show the address beside it when it must not be one."""
    label = out.since(start)
    if not label.strip():
        out.write(url)
    if is_safe_link(url):
        out.span(start, Style.LINK, url)
    elif label.strip() and url and url != label:
        out.write(f" ({url})")


def is_safe_link(url: str) -> bool:
    """Tell whether a link may be made pressable: a known scheme, and a host where one belongs."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme not in LINK_SCHEMES:
        return False
    return bool(parts.path) if parts.scheme == "mailto" else bool(parts.netloc)
