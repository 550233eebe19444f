"""Charts: a picture of the right size whatever the values, marks at round places, and old files removed."""

from __future__ import annotations

import io
import itertools
import math
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bots.channels.base import OutboundFile
from bots.channels.files import open_outbound
from runbooks.charts import Chart, Line, Span, clean_charts, draw, save_chart
from runbooks.charts.drawing import COLOURS, HEIGHT, WIDTH, pieces
from runbooks.charts.values import show_number, time_marks, to_ascii, value_marks

END = datetime(2026, 1, 20, 16, 0, tzinfo=UTC).timestamp()
START = END - 6 * 3600


def make(course: Callable[[float], float], *, spans: list[Span] | None = None, lines: int = 1) -> Chart:
    """A chart of six hours."""
    points = [(START + number * 120, course(number)) for number in range(181)]
    made = [Line(points=points, name=f"m{number}") for number in range(lines)]
    return Chart(title="tx", unit="/min", start=START, end=END, zone=UTC, lines=made, spans=spans or [])


def colours(picture: bytes) -> set[tuple[int, ...]]:
    """The colours in a picture."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    assert image.size == (WIDTH, HEIGHT)
    found = image.getcolors(WIDTH * HEIGHT)
    assert found is not None
    return {colour for _, colour in found if isinstance(colour, tuple)}


def rgb(colour: str) -> tuple[int, ...]:
    """A colour as a picture has it."""
    return tuple(bytes.fromhex(colour[1:]))


def test_a_chart_shows_its_line_on_a_dark_ground() -> None:
    found = colours(draw(make(lambda n: 100 + n % 7)))
    assert rgb(COLOURS[0]) in found
    assert rgb("#17212b") in found
    assert rgb(COLOURS[1]) not in found


def test_several_lines_have_their_own_colours() -> None:
    found = colours(draw(make(lambda n: n, lines=3)))
    assert {rgb(colour) for colour in COLOURS[2:3]} <= found


def test_a_span_is_seen() -> None:
    plain = colours(draw(make(lambda n: 5.0)))
    marked = colours(draw(make(lambda n: 5.0, spans=[Span(start=START - 900, end=START + 3600)])))
    assert any(red > 80 and green < 60 for red, green, _ in marked - plain)


@pytest.mark.parametrize("course", [lambda n: 0.0, lambda n: -3.5, lambda n: 1e12 + n, lambda n: n / 1e9])
def test_all_sorts_of_values_can_be_drawn(course: Callable[[float], float]) -> None:
    assert draw(make(course)).startswith(b"\x89PNG")


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to draw"):
        draw(make(lambda n: math.nan))


def test_a_line_is_cut_where_values_are_missing() -> None:
    points = [(0.0, 1.0), (60.0, 1.0), (120.0, math.nan), (180.0, 1.0), (600.0, 1.0), (660.0, 2.0)]
    assert [len(piece) for piece in pieces(points)] == [2, 1, 2]
    assert pieces([]) == []


@given(st.floats(-1e15, 1e15), st.floats(0, 1e15))
@settings(max_examples=200)
def test_marks_of_values_hold_all_of_them_and_are_few(low: float, span: float) -> None:
    marks = value_marks(low, low + span)
    slack = 1e-6 * max(1.0, abs(low), span)
    assert marks[0] <= low + slack
    assert marks[-1] >= low + span - slack
    assert 2 <= len(marks) <= 8


def test_marks_of_times_are_those_of_the_clock() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert [name for _, name in time_marks(START, END, ZoneInfo("America/Sao_Paulo"))] == ["08:00", "10:00", "12:00"]
    spring = datetime(2026, 3, 27, 12, tzinfo=UTC).timestamp()
    marks = time_marks(spring, spring + 4 * 86_400, berlin)
    assert [name for _, name in marks] == ["03-28", "03-29", "03-30", "03-31"]
    assert [round(other[0] - one[0]) // 3600 for one, other in itertools.pairwise(marks)] == [24, 23, 24]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.25, "0.25"), (94.2, "94.2"), (1250, "1250"), (45_200, "45.2k"), (1_200_000, "1.2M"), (-3e9, "-3G")],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert show_number(value) == text


def test_only_letters_that_the_typeface_has_are_drawn() -> None:
    assert to_ascii("Padaria São João\n<b>") == "Padaria Sao Joao <b>"
    assert to_ascii("Магазин") == ""


def test_a_chart_lies_where_channels_may_send_from_and_goes_after_days() -> None:
    path = save_chart("k1", b"picture")
    with open_outbound(OutboundFile(path=path, name="chart.png")) as file:
        assert file.read() == b"picture"
        whole = Path(file.name) if isinstance(file.name, str) else None
    assert save_chart("k1", b"again") == path
    assert clean_charts() == 0

    stored = Path(os.environ["CLAW_HOME"]) / path
    assert whole is None or whole.name == stored.name
    assert stored.stat().st_mode & 0o777 == 0o600
    old = time.time() - 5 * 86_400
    os.utime(stored, (old, old))
    assert clean_charts() == 1
    assert not stored.exists()
