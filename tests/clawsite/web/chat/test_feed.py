"""What a page is shown beside whole messages, and what happens when the database or the process goes away."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest
from django.db import connection

from bots.cards import register_card, registry
from bots.cards.keeper import queue_changed
from bots.channels.base import OutboundMessage
from clawsite.core.db import run_db
from clawsite.core.nudge import nudge
from clawsite.web import pagesocket, sockets
from clawsite.web.chat import feed as feed_module
from guardrails.approvals import create_approval, decide
from guardrails.types import Role
from sessions_app.cards import put_card
from sessions_app.models import Contact, Inbox, Message, Outbox, Session, Turn
from tests.clawsite.web.chat.seat import ADMIN, Seat, new_id

pytestmark = pytest.mark.usefixtures("web")


def open_turn(contact: Contact, *, draft: str = "") -> tuple[Session, Turn]:
    """Make a session in which a turn runs."""
    session = contact.channel.sessions.create(chat_id=contact.external_id, last_seq=1)
    Message.objects.create(session=session, seq=1, role="user", text="tell me")
    row = Inbox.objects.create(channel=contact.channel, external_id=new_id(), lane="x", raw="{}", state="done")
    return session, Turn.objects.create(inbox=row, session=session, epoch=1, user_seq=1, draft=draft)


async def test_who_comes_back_sees_the_answer_so_far() -> None:
    bob = await Seat().sit_down()
    await run_db(open_turn, await bob.approve(), draft="Once upon")
    page = await bob.open()
    await page.until("busy", busy=True)
    assert (await page.until("delta"))["text"] == "Once upon"
    await page.leave()


async def test_streamed_text_and_typing_are_passed_on_while_the_turn_runs() -> None:
    bob = await Seat().sit_down()
    session, turn = await run_db(open_turn, await bob.approve())
    page = await bob.open()
    await page.until("busy", busy=True)
    nudge("typing", session=session.pk)
    await page.until("typing")
    nudge("delta", session=session.pk, turn=turn.pk, attempt=1, text="Once <b>upon</b>")
    assert (await page.until("delta"))["text"] == "Once <b>upon</b>"
    await run_db(_finish, session, turn)
    nudge("delta", session=session.pk, turn=turn.pk, attempt=1, text="too late")
    await page.until("busy", busy=False)
    nudge("delta", session=session.pk, turn=turn.pk, attempt=1, text="too late")
    assert await page.is_quiet()
    assert "too late" not in [frame.get("text") for frame in page.frames]
    await page.leave()


def _finish(session: Session, turn: Turn) -> None:
    Turn.objects.filter(pk=turn.pk).update(state=Turn.State.DONE)
    Message.objects.create(session=session, seq=2, role="assistant", text="the end")
    Session.objects.filter(pk=session.pk).update(last_seq=2)
    nudge("session", session=session.pk)


async def test_a_lost_nudge_is_made_up_for_by_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "POLL_SECONDS", 0.3)
    bob = await Seat().sit_down()
    session, _ = await run_db(open_turn, await bob.approve())
    page = await bob.open()
    await page.until("messages")
    await run_db(lambda: Message.objects.create(session=session, seq=2, role="assistant", text="quiet"))
    await run_db(lambda: Session.objects.filter(pk=session.pk).update(last_seq=2))
    assert "quiet" in (await page.message("assistant"))["html"]
    await page.leave()


async def test_only_decisions_that_still_wait_have_buttons() -> None:
    bob = await Seat().sit_down()
    contact = await bob.approve("operator")

    def ask(seconds: float) -> str:
        approval = create_approval(
            "test",
            subject_hash="0",
            summary="Do it?",
            requested_by=contact.subject,
            role=Role.OPERATOR,
            seconds=seconds,
        )
        seq = session.last_seq = session.last_seq + 1
        buttons = [[["Yes", f"ok:{approval.key}", "success"], ["No", f"no:{approval.key}", "danger"]]]
        Message.objects.create(session=session, seq=seq, role="notice", text="Do it?", data={"buttons": buttons})
        session.save()
        return approval.key

    session, _ = await run_db(open_turn, contact)
    decided, _, waiting = [await run_db(ask, seconds) for seconds in (600, -1, 600)]
    await run_db(decide, decided, actor=ADMIN, approve=True)
    page = await bob.open()
    shown = (await page.until("messages"))["messages"]
    assert [bool(message["buttons"] and message["buttons"][0]) for message in shown[1:]] == [False, False, True]
    assert shown[3]["buttons"][0][0]["data"] == f"ok:{waiting}"
    await page.leave()


async def test_a_restart_says_when_to_come_back() -> None:
    page = await (await Seat().sit_down()).open()
    await page.until("access")
    await sockets.close_all(seconds=5)
    assert 0 < (await page.until("restart"))["retry"] < 10_000
    assert (await page.until("closed"))["code"] == 1012


async def test_a_session_that_ended_ends_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "CHECK_SECONDS", 0.2)
    monkeypatch.setattr(feed_module, "POLL_SECONDS", 0.2)
    bob = await Seat().sit_down()
    page = await bob.open()
    await page.until("access")
    await run_db(bob.client.logout)
    assert (await page.until("closed"))["code"] == 4401


@pytest.mark.sqlite
async def test_a_locked_database_delays_a_message_and_doubles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    bob = await Seat().sit_down()
    await bob.approve()
    page = await bob.open()
    await page.until("access")
    name = new_id()
    lock = await asyncio.to_thread(sqlite3.connect, str(connection.settings_dict["NAME"]), check_same_thread=False)
    with monkeypatch.context() as impatient:
        impatient.setattr(pagesocket, "DB_SECONDS", 0.5)
        try:
            await asyncio.to_thread(lock.execute, "BEGIN IMMEDIATE")
            await page.say(t="send", id=name, text="now?", files=[])
            refused = await page.until("error")
            assert (refused["id"], refused["retry"]) == (name, True)
        finally:
            await asyncio.to_thread(lock.rollback)
            await asyncio.to_thread(lock.close)
    await page.send("now?", id=name)
    assert await run_db(Inbox.objects.count) == 1
    await page.leave()


async def test_an_error_of_ours_has_an_id_and_no_words(caplog: pytest.LogCaptureFixture) -> None:
    bob = await Seat().sit_down()
    contact = await bob.approve()
    session, _ = await run_db(open_turn, contact)
    await run_db(lambda: Message.objects.filter(session=session).update(data={"buttons": [5]}, role="notice"))
    page = await bob.open()
    await page.say(t="older", before=9)
    error = await page.until("error")
    assert error["code"] == "internal"
    assert error["message"] in caplog.text
    await page.say(t="ping")
    await page.until("pong")
    await page.leave()


async def test_a_card_changes_in_its_place() -> None:
    """Whoever comes back finds the newest text too; what did not change is not shown again."""

    def put(text: str) -> None:
        put_card("run", kind="shown", data={"text": text}, session_id=session.pk)
        queue_changed()

    register_card("shown", lambda data, view: OutboundMessage(text=str(data["text"]), plain=True))
    bob = await Seat().sit_down()
    session, _ = await run_db(open_turn, await bob.approve())
    page = await bob.open()
    await run_db(put, "[1/2] <b>begin</b>")
    first = await page.message("notice")
    assert first["html"] == '<div class="plain">[1/2] &lt;b&gt;begin&lt;/b&gt;</div>'
    await run_db(lambda: Outbox.objects.update(state="sent", remote_ids=["1"]))
    await run_db(put, "[2/2] done")
    changed = first
    while "done" not in changed["html"]:
        (changed,) = (await page.until("changed"))["messages"]
    assert changed["seq"] == first["seq"]
    nudge("session", session=session.pk)
    assert await page.is_quiet()
    await page.leave()
    del registry._renders["shown"]
