"""Hours of an even load: what grows would be found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.run import soak, to_table

MINUTES = 120


@pytest.mark.soak
@pytest.mark.timeout(MINUTES * 60 + 900)
def test_nothing_grows_in_two_hours_of_load(tmp_path: Path) -> None:
    figures = soak(tmp_path, minutes=MINUTES)
    assert all(figure.good for figure in figures), to_table(figures)
