"""When Telegram limits, fails, is out of reach or cuts: nothing is lost, the order stays, and nobody hammers it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from clawsite.core.db import run_db
from sessions_app.models import Contact, Inbox, Outbox
from tests.bots.flow import Flow, open_flow, until
from tests.faults.ledger import numbered, read_ledger
from tests.fixtures.reached import Figure, Reached
from tests.servers.messages import text
from tests.servers.telegram import TelegramServer

pytestmark = pytest.mark.faults

OUTAGE_SECONDS = 2.0
EACH = 4
CROWD, MOST_A_SECOND = 40, 30
LONG_OUTAGE_SECONDS, RESUME_SECONDS = 300.0, 35.0
OUTAGES: dict[str, Callable[[TelegramServer], None]] = {
    "limits of sends": lambda t: t.fault("status", method="sendMessage", status=429, retry_after=2, for_seconds=2),
    "limits of everything": lambda t: t.fault("status", status=429, retry_after=2, for_seconds=2),
    "bad gateways": lambda t: t.fault("status", status=502, for_seconds=OUTAGE_SECONDS),
    "another poller": lambda t: t.fault("status", method="getUpdates", status=409, for_seconds=OUTAGE_SECONDS),
    "refused connections": lambda t: t.refuse_connections(for_seconds=OUTAGE_SECONDS),
    "answers that are no JSON": lambda t: t.fault("garbage", method="getUpdates", times=3),
    "cuts before anything": lambda t: t.fault("cut_before", method="*", for_seconds=OUTAGE_SECONDS),
}


@pytest.mark.parametrize("outage", list(OUTAGES))
async def test_an_outage_loses_nothing_and_keeps_the_order(flow: Flow, outage: str, reached: Reached) -> None:
    chats = [flow.alice, flow.bob]
    sent = dict.fromkeys(chats, 0)

    def write(times: int) -> None:
        for _ in range(times):
            for chat in chats:
                sent[chat] += 1
                flow.telegram.user_sends(chat, numbered(sent[chat], chat))

    async with flow.running():
        write(1)
        await until(lambda: read_ledger(flow.telegram, chats, sent=sent).lost == 0)
        await flow.quiet()  # else what is cut below is the answer to one of these sends, which may be made again
        before = flow.telegram.last_call()
        write(1)
        OUTAGES[outage](flow.telegram)
        flow.telegram.cut_connections()  # the poll that waits was begun before the outage
        write(EACH)
        await until(lambda: read_ledger(flow.telegram, chats, sent=sent).lost == 0, timeout=40)
        await flow.quiet(timeout=20)
    found = read_ledger(flow.telegram, chats, sent=sent)
    assert (found.lost, found.out_of_order, found.duplicates) == (0, 0, 0), found
    rows = sum(sent.values())
    assert await run_db(lambda: (Inbox.objects.count(), Outbox.objects.count())) == (rows, rows)
    assert await run_db(lambda: Outbox.objects.exclude(state="sent").count()) == 0
    # Every message once, and few calls more: an outage is waited out, not hammered.
    assert len(flow.telegram.calls(since=before)) <= 2 * (EACH + 1) + 40
    reached(15, outage, Figure("messages", rows), Figure("lost", found.lost), Figure("sent twice", found.duplicates))


async def test_a_send_that_is_cut_after_it_was_taken_says_so_when_it_comes_again(flow: Flow) -> None:
    flow.model.set_default("The answer.")
    async with flow.running():
        flow.telegram.fault("cut_after", method="sendMessage")
        flow.telegram.user_sends(flow.alice, "hi")
        await until(lambda: len(flow.texts(flow.alice)) == 2, timeout=20)
        await flow.quiet()
    first, again = flow.texts(flow.alice)
    assert first == "The answer."
    assert again.startswith("The answer.")
    assert again != first, "a repetition is marked"


async def test_an_edit_that_must_wait_makes_no_second_message(flow: Flow) -> None:
    words = " ".join(f"word{number}" for number in range(200))
    flow.model.script(text(words, deltas=40, pause=0.1))
    async with flow.running():
        flow.telegram.fault("status", method="editMessageText", status=429, retry_after=2, for_seconds=4)
        assert await flow.says(flow.alice, "tell me", timeout=30) == [words]
    assert len(flow.telegram.calls(method="sendMessage")) == 1


async def test_under_telegrams_own_limits_a_crowd_is_answered_and_no_call_refused(
    transactional_db: None, reached: Reached
) -> None:
    """With the rates as they are set from the start, against the limits as Telegram enforces them."""
    async with open_flow(CLAW_CHAT_RATE=1.0, CLAW_GROUP_RATE=18.0, CLAW_BOT_RATE=25.0) as flow:
        crowd = [flow.telegram.add_user(f"Guest {number}")["id"] for number in range(CROWD)]
        await run_db(_let_in, flow, crowd)
        flow.telegram.set_limits()
        sent = dict.fromkeys(crowd, 2)
        begun = time.monotonic()
        async with flow.running():
            for number in (1, 2):
                for chat in crowd:
                    flow.telegram.user_sends(chat, numbered(number, chat))
            await until(lambda: read_ledger(flow.telegram, crowd, sent=sent).lost == 0, timeout=60)
            took = time.monotonic() - begun
            await flow.quiet(timeout=20)
        found = read_ledger(flow.telegram, crowd, sent=sent)
        assert (found.lost, found.out_of_order, found.duplicates) == (0, 0, 0), found
        calls = flow.telegram.calls()
        assert [call for call in calls if call["status"] == 429] == []
        moments = sorted(call["at"] for call in calls if call["method"] == "sendMessage")
        # None was refused; what a loaded machine let arrive together evens out within two seconds.
        most = max(sum(begin <= at < begin + 2 for at in moments) for begin in moments)
        assert most <= 2 * MOST_A_SECOND
        assert took >= 2 * CROWD / MOST_A_SECOND - 1
        sent_most = Figure("most sends in two seconds", most, most=2 * MOST_A_SECOND)
        reached(15, f"{CROWD} chats under its limits", sent_most, Figure("calls refused", 0))


def _let_in(flow: Flow, people: list[int]) -> None:
    rows = [Contact(channel=flow.channel, external_id=str(each), role="viewer", state="approved") for each in people]
    Contact.objects.bulk_create(rows)


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_five_minutes_of_bad_gateways_are_waited_out(flow: Flow, reached: Reached) -> None:
    sent = {flow.alice: 0}

    def write() -> None:
        sent[flow.alice] += 1
        flow.telegram.user_sends(flow.alice, numbered(sent[flow.alice], flow.alice))

    async with flow.running():
        write()
        await until(lambda: read_ledger(flow.telegram, sent, sent=sent).lost == 0)
        before = flow.telegram.last_call()
        flow.telegram.fault("status", status=502, for_seconds=LONG_OUTAGE_SECONDS)
        flow.telegram.cut_connections()
        over = time.monotonic() + LONG_OUTAGE_SECONDS
        for _ in range(10):
            write()
        await until(lambda: time.monotonic() >= over, timeout=LONG_OUTAGE_SECONDS + 10)
        await until(lambda: read_ledger(flow.telegram, sent, sent=sent).lost == 0, timeout=RESUME_SECONDS)
        back = time.monotonic() - over
        await flow.quiet(timeout=20)
    found = read_ledger(flow.telegram, sent, sent=sent)
    assert (found.lost, found.out_of_order, found.duplicates) == (0, 0, 0), found
    calls = len(flow.telegram.calls(since=before))
    assert calls <= LONG_OUTAGE_SECONDS / 10 + 60
    reached(
        15,
        f"bad gateways for {LONG_OUTAGE_SECONDS:.0f} s",
        Figure("answered after", back, "s", RESUME_SECONDS),
        Figure("calls", calls, most=LONG_OUTAGE_SECONDS / 10 + 60),
        Figure("lost", found.lost),
        Figure("sent twice", found.duplicates),
    )
