"""Draws a chart. Pillow is loaded at first use: only jobs draw, and each is a process of its own."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

from runbooks.charts.values import Chart, Line, Points, show_number, time_marks, to_ascii, value_marks, value_range

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

WIDTH, HEIGHT = 1200, 750
# Everything is drawn twice as large and made smaller, which makes lines smooth.
SCALE = 2
LEFT, RIGHT, TOP, BOTTOM = 130, 40, 130, 80
GROUND, GRID, TEXT, BRIGHT, FAINT = "#17212b", "#2b3947", "#9fb0c0", "#ffffff", "#5d7083"
ALARM = (239, 83, 80, 80)
COLOURS = ("#4fc3f7", "#ffb74d", "#81c784", "#ba68c8", "#f06292")
# A gap of so many usual steps is a gap, not a line.
GAP_STEPS = 2.5


def draw(chart: Chart) -> bytes:
    """Return a chart as a PNG of 1200 x 750 points. ValueError when it has no value to show."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), GROUND)
    pen = _Pen(chart, ImageDraw.Draw(image, "RGBA"))
    pen.draw_spans()
    pen.draw_grid()
    pen.draw_lines()
    pen.draw_head()
    out = io.BytesIO()
    image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(out, "PNG", optimize=True)
    return out.getvalue()


class _Pen:
    """Knows where a moment and a value are on the picture."""

    def __init__(self, chart: Chart, ink: ImageDraw) -> None:
        self.chart = chart
        self.ink = ink
        values = [value for line in (*chart.lines, *chart.before) for _, value in line.points if math.isfinite(value)]
        if not values:
            raise ValueError("There is nothing to draw.")
        self.marks = value_marks(*value_range(values))
        self.low, self.high = self.marks[0], self.marks[-1]

    def x(self, at: float) -> float:
        """The place of a moment."""
        share = (at - self.chart.start) / (self.chart.end - self.chart.start)
        return SCALE * (LEFT + share * (WIDTH - LEFT - RIGHT))

    def y(self, value: float) -> float:
        """The place of a value."""
        share = (value - self.low) / (self.high - self.low)
        return SCALE * (HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM))

    def draw_spans(self) -> None:
        """The times to be seen at once, behind everything."""
        for span in self.chart.spans:
            first, last = max(span.start, self.chart.start), min(span.end, self.chart.end)
            if first < last:
                box = (self.x(first), SCALE * TOP, max(self.x(last), self.x(first) + 6), SCALE * (HEIGHT - BOTTOM))
                self.ink.rectangle(box, fill=ALARM)

    def draw_grid(self) -> None:
        """Values to the left, times below."""
        right = SCALE * (WIDTH - RIGHT)
        for value in self.marks:
            y = self.y(value)
            self.ink.line((SCALE * LEFT, y, right, y), fill=GRID, width=SCALE * 2)
            self._write((SCALE * (LEFT - 16), y), show_number(value), size=32, fill=TEXT, anchor="rm")
        for at, name in time_marks(self.chart.start, self.chart.end, self.chart.zone):
            if SCALE * (LEFT + 20) <= self.x(at) <= right - SCALE * 40:
                self._write((self.x(at), SCALE * (HEIGHT - BOTTOM + 16)), name, size=32, fill=TEXT, anchor="mt")

    def draw_lines(self) -> None:
        """The time before as a faint line, then the lines of this one, the first on top."""
        for line in self.chart.before:
            self._draw_line(line, FAINT, width=3)
        pairs = list(zip(self.chart.lines, COLOURS, strict=False))
        if len(pairs) == 1:
            self._fill(pairs[0][0], COLOURS[0])
        for line, colour in reversed(pairs):
            self._draw_line(line, colour, width=5)

    def draw_head(self) -> None:
        """The name to the left; the newest value, or the names of several lines, to the right."""
        unit = to_ascii(self.chart.unit, limit=12)
        self._write((SCALE * 32, SCALE * 40), to_ascii(self.chart.title), size=42, fill=BRIGHT, anchor="lm")
        if len(self.chart.lines) == 1:
            last = [value for _, value in self.chart.lines[0].points if math.isfinite(value)][-1:]
            text = " ".join([*(show_number(value) for value in last), unit])
            place = (SCALE * (WIDTH - RIGHT), SCALE * 40)
            self._write(place, text, size=52, fill=COLOURS[0], anchor="rm")
            return
        x = SCALE * 32.0
        for number, (line, colour) in enumerate(zip(self.chart.lines, COLOURS, strict=False), start=1):
            name = f"{number} {to_ascii(line.name, limit=14)}".strip()
            x += self._write((x, SCALE * 94), name, size=32, fill=colour, anchor="lm") + SCALE * 28

    def _write(self, place: tuple[float, float], text: str, *, size: int, fill: str, anchor: str) -> float:
        """Write and return how wide it is."""
        font = _font(size * SCALE)
        self.ink.text(place, text, font=font, fill=fill, anchor=anchor)
        return float(self.ink.textlength(text, font=font))

    def _draw_line(self, line: Line, colour: str, *, width: int) -> None:
        for piece in pieces(line.points):
            places = [(self.x(at), self.y(value)) for at, value in piece]
            if len(places) == 1:
                (x, y), half = places[0], SCALE * width
                self.ink.ellipse((x - half, y - half, x + half, y + half), fill=colour)
            else:
                self.ink.line(places, fill=colour, width=SCALE * width, joint="curve")

    def _fill(self, line: Line, colour: str) -> None:
        """Tint what is below the only line."""
        ground = self.y(self.low)
        for piece in pieces(line.points):
            if len(piece) > 1:
                places = [(self.x(at), self.y(value)) for at, value in piece]
                self.ink.polygon([(places[0][0], ground), *places, (places[-1][0], ground)], fill=f"{colour}22")


def pieces(points: Points) -> list[Points]:
    """Cut a series where values are missing."""
    found: list[Points] = []
    step = _usual_step(points)
    for is_known, group in groupby(points, key=lambda point: math.isfinite(point[1])):
        if not is_known:
            continue
        piece: list[tuple[float, float]] = []
        for point in group:
            if piece and point[0] - piece[-1][0] > GAP_STEPS * step:
                found.append(piece)
                piece = []
            piece.append(point)
        found.append(piece)
    return found


def _usual_step(points: Sequence[tuple[float, float]]) -> float:
    steps = sorted(other[0] - one[0] for one, other in pairwise(points))
    return steps[len(steps) // 2] if steps else math.inf


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)
