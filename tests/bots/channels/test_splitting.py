"""Long texts are cut where it hurts least, and nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.channels.rich import Rich, Span, Style, utf16_len
from bots.channels.splitting import split

FAMILY = "👨\u200d👩\u200d👧"


def texts(text: str, limit: int) -> list[str]:
    return [piece.text for piece in split(Rich(text), limit=limit)]


@pytest.mark.parametrize(
    ("text", "limit", "pieces"),
    [
        ("short", 10, ["short"]),
        ("first one\n\nsecond one", 15, ["first one", "second one"]),
        ("aaa bbb\nccc ddd", 10, ["aaa bbb", "ccc ddd"]),
        ("One. Two three", 8, ["One.", "Two", "three"]),
        ("alpha beta gamma", 11, ["alpha beta", "gamma"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("🙂🙂🙂🙂🙂", 4, ["🙂🙂", "🙂🙂", "🙂"]),
        ("xxxx e\u0301e\u0301e\u0301", 6, ["xxxx", "e\u0301e\u0301e\u0301"]),
        ("   \n\n  ", 3, []),
        ("", 3, []),
    ],
)
def test_places_of_cuts(text: str, limit: int, pieces: list[str]) -> None:
    assert texts(text, limit) == pieces


def test_emoji_of_several_parts_stays_whole() -> None:
    assert texts(FAMILY * 3, 12) == [FAMILY] * 3


def test_accent_stays_with_its_letter() -> None:
    assert texts("ab" + "e\u0301" * 3, 4) == ["abe\u0301", "e\u0301e\u0301"]


def test_styles_are_closed_and_opened_again() -> None:
    code = "\n".join(f"    line {number}" for number in range(6))
    first, *rest = split(Rich(code, (Span(0, len(code), Style.PRE, "python"),)), limit=40)
    assert len(rest) > 0
    for piece in (first, *rest):
        assert piece.spans == (Span(0, len(piece.text), Style.PRE, "python"),)
        assert all(line.startswith("    line") for line in piece.text.split("\n"))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=400), st.integers(2, 60))
def test_nothing_is_lost_and_limits_hold(text: str, limit: int) -> None:
    pieces = texts(text, limit)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(piece.strip() and utf16_len(piece) <= max(limit, 2) for piece in pieces)


@given(st.text(st.characters(categories=None), max_size=100))
def test_length_in_utf16_units(text: str) -> None:
    assert utf16_len(text) == sum(2 if ord(char) > 0xFFFF else 1 for char in text)
