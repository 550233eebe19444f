"""The two lines, in and out: each lane and each chat in order, and nobody stands in another's way."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from clawsite.core.errors import LeaseLost
from clawsite.core.leases import Held, release_lease, take_lease
from clawsite.core.models import Process
from sessions_app import inbox, outbox
from sessions_app.inbox import SCAN_PAGES, StoredUpdate, store_updates
from sessions_app.models import Channel, Inbox, Outbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel() -> Channel:
    return Channel.objects.create(kind="webchat", name="lines")


@pytest.fixture
def held(channel: Channel) -> Held:
    """The right to send for the channel."""
    process = Process.objects.create(role="bots", host="here", pid=1, started=1)
    lease = take_lease(f"send:{channel.pk}", process_id=process.pk)
    assert lease is not None
    return lease


def store(channel: Channel, *lanes: str, delay: float = 0.0) -> None:
    begin = Inbox.objects.count()
    rows = [
        StoredUpdate(external_id=str(begin + number), lane=lane, raw="{}", delay=delay)
        for number, lane in enumerate(lanes)
    ]
    store_updates(channel.pk, rows)


def lanes(limit: int = 10, busy: tuple[str, ...] = ()) -> list[str]:
    return [head.lane for head in inbox.find_heads(busy=busy, limit=limit)]


def queue(channel: Channel, *chats: str) -> None:
    for chat in chats:
        number = Outbox.objects.count()
        outbox.add_row(channel_id=channel.pk, chat_id=chat, session_id=None, dedupe_key=str(number), payload={})


def chats(channel: Channel, limit: int = 10, busy: tuple[str, ...] = ()) -> list[str]:
    return [row.chat_id for row in outbox.find_heads(channel.pk, busy=busy, limit=limit)]


def test_an_update_stored_twice_is_one_row(channel: Channel) -> None:
    for _ in range(2):
        store_updates(channel.pk, [StoredUpdate(external_id="7", lane="a", raw="{}")])
    assert Inbox.objects.count() == 1


def test_each_lane_shows_its_oldest_row_and_busy_ones_none(channel: Channel) -> None:
    store(channel, "a", "b", "a", "c")
    heads = inbox.find_heads(busy=["b"], limit=10)
    assert [head.lane for head in heads] == ["a", "c"]
    assert heads[0].pk == Inbox.objects.filter(lane="a").earliest("id").pk
    assert lanes(limit=1) == ["a"]


def test_a_row_that_waits_holds_its_lane_and_no_other(channel: Channel) -> None:
    store(channel, "a", delay=60)
    store(channel, "a", "b")
    assert lanes() == ["b"]


def test_a_lane_full_of_waiting_rows_hides_nobody(channel: Channel) -> None:
    store(channel, *["flood"] * (SCAN_PAGES[-1] + 5), delay=60)
    store(channel, *["second"] * (SCAN_PAGES[-1] + 5), delay=60)
    store(channel, "alice", "bob")
    assert lanes() == ["alice", "bob"]


def test_a_chat_that_must_wait_for_an_hour_hides_nobody(channel: Channel, held: Held) -> None:
    queue(channel, *["flood"] * (SCAN_PAGES[-1] + 5), "alice", "bob")
    row = Outbox.objects.earliest("id")
    outbox.mark_sending([row.pk], held=held)
    outbox.mark_waiting(row.pk, seconds=3600, error="told to wait", counted=False)
    assert chats(channel) == ["alice", "bob"]
    assert chats(channel, busy=("alice",)) == ["bob"]


def test_the_head_of_a_long_line_is_found_in_few_rows(channel: Channel) -> None:
    """After an outage there are thousands of rows, and each answer looks for the next one."""
    store(channel, *["a", "b"] * SCAN_PAGES[-1])
    queue(channel, *["a", "b"] * SCAN_PAGES[0])
    with CaptureQueriesContext(connection) as asked:
        assert lanes() == ["a", "b"]
        assert chats(channel, limit=2) == ["a", "b"]
    assert [query["sql"].rpartition(" ")[2] for query in asked] == ["16", "64", "16"]


def test_the_order_of_a_chat_stays_while_its_first_row_is_on_its_way(channel: Channel, held: Held) -> None:
    queue(channel, "a", "a")
    first = Outbox.objects.earliest("id")
    assert set(outbox.mark_sending([first.pk], held=held)) == {first.pk}
    assert outbox.mark_sending([first.pk], held=held) == {}
    assert chats(channel) == []
    outbox.mark_sent(first.pk, remote_ids=["1"], message_id=None)
    assert [row.pk for row in outbox.find_heads(channel.pk, busy=(), limit=5)] == [first.pk + 1]


def test_a_row_is_sent_as_it_is_when_it_is_taken(channel: Channel, held: Held) -> None:
    queue(channel, "a")
    (read,) = outbox.find_heads(channel.pk, busy=(), limit=5)
    Outbox.objects.update(payload={"text": "newer"})  # as a card does that has changed meanwhile
    assert outbox.mark_sending([read.pk], held=held) == {read.pk: {"text": "newer"}}


def test_a_sender_that_lost_its_lease_takes_no_row(channel: Channel, held: Held) -> None:
    queue(channel, "a")
    row = Outbox.objects.get()
    release_lease(held)
    with pytest.raises(LeaseLost), transaction.atomic():
        outbox.mark_sending([row.pk], held=held)
    row.refresh_from_db()
    assert row.state == "new"


def test_a_key_is_queued_once(channel: Channel) -> None:
    rows = [
        outbox.add_row(channel_id=channel.pk, chat_id="a", session_id=None, dedupe_key="same", payload={})
        for _ in range(2)
    ]
    assert rows[0] is not None
    assert rows[1] is None


def test_a_row_is_born_sending_only_at_the_head_of_its_chat(channel: Channel) -> None:
    born = [
        outbox.add_row(
            channel_id=channel.pk, chat_id="a", session_id=None, dedupe_key=key, payload={}, sender_here=True
        )
        for key in ("one", "two")
    ]
    assert [row and row.state for row in born] == ["sending", "new"]


def test_what_a_dead_sender_left_is_queued_again_and_marked(channel: Channel, held: Held) -> None:
    queue(channel, "a", "b")
    mine, other = Outbox.objects.order_by("id")
    outbox.mark_sending([mine.pk, other.pk], held=held)
    assert outbox.recover_unknown(channel.pk, except_for=[mine.pk]) == 1
    other.refresh_from_db()
    assert (other.state, other.resent) == ("new", True)


@pytest.mark.parametrize("state", ["dead", "unparsed"])
def test_a_row_that_was_given_up_can_be_replayed_once(channel: Channel, state: str) -> None:
    store(channel, "a")
    row = Inbox.objects.get()
    inbox.finish_row(row.pk, state=state, error="no")
    assert inbox.replay_row(row.pk)
    assert not inbox.replay_row(row.pk)
    assert lanes() == ["a"]
