"""The request for a decision in a chat."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from bots.cards import CardView, render_card


def test_it_says_until_when_with_the_day() -> None:
    data = {
        "key": "k7f2pabcdefg",
        "summary": "Restart",
        "state": "waiting",
        "by": "",
        "number": 1,
        "count": 1,
        "expires_at": "2026-11-28T03:30:00+00:00",
    }
    told = render_card("approval", data, CardView(zone=ZoneInfo("Europe/Berlin")))
    assert "It can be decided until 04:30, 28 Nov." in told.text
