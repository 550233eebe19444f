"""The numbers of the day: each message once, also on a day that has no three o'clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from clawsite.web.board.today import Today
from sessions_app.models import Channel, Inbox

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize("day", [datetime(2026, 3, 29, tzinfo=BERLIN), datetime(2026, 10, 25, tzinfo=BERLIN)])
def test_a_message_beside_the_change_of_the_clock_is_counted_once(day: datetime) -> None:
    channel, today = Channel.objects.create(kind="telegram", name="main"), Today()
    for came, seconds in enumerate((*range(3590, 3660, 3), *range(7190, 7260, 3)), start=1):
        at = datetime.fromtimestamp(day.timestamp() + seconds, UTC)
        Inbox.objects.create(channel=channel, external_id=f"{seconds}", lane="1", raw="{}", received_at=at)
        assert today.read((at + timedelta(seconds=1)).astimezone(BERLIN)).messages == came, at
