"""The card of a /code: a bar while it works, none once it is over."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from bots.cards import code
from bots.cards.registry import CardView

VIEW = CardView(zone=ZoneInfo("UTC"))
DATA = {
    "project": "shop", "run": 7, "by": "Bob", "request": "Mend it", "log": [("ok", "run_tests", "")],
    "place": 0, "step": 6, "steps": 60, "seconds": 12, "usd": 0.02,
}  # fmt: skip


@pytest.mark.parametrize("state", ["working", "asking", "testing", "merging"])
def test_it_shows_how_far_it_is_while_it_works(state: str) -> None:
    message = code.render(DATA | {"state": state}, VIEW)

    assert "▓░░░░░░░░░ step 6 of at most 60 · 12 s · $0.02" in message.text
    assert [button.label for row in message.buttons for button in row] == ["⏹ Stop"]


def test_what_is_over_does_not_look_as_if_most_were_still_to_be_done() -> None:
    message = code.render(DATA | {"state": "over"}, VIEW)

    assert "12 s · $0.02\nIt is over.\n✅ run_tests" in message.text
    assert "░" not in message.text
    assert not message.buttons
