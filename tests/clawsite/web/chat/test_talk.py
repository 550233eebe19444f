"""The chat as its visitors see it: the page's socket on one side, the whole bots role on the other."""

from __future__ import annotations

from clawsite.core.db import run_db
from clawsite.core.models import AuditEvent
from clawsite.core.nudge import nudge
from sessions_app.contacts import approve_contact
from sessions_app.models import Contact, Inbox, Message
from tests.bots.flow import Flow, open_flow
from tests.clawsite.web.chat.seat import ADMIN, Seat, make_staff, new_id

LONG = "\n\n".join(f"{number}. " + "The river runs past the town. " * 6 for number in range(20))


async def test_a_stranger_gets_a_code_and_after_approval_an_answer(flow: Flow) -> None:
    flow.model.set_default("Welcome in.")
    charlie = await Seat().sit_down()
    page = await charlie.open()
    assert (await page.until("access"))["access"] == "new"
    async with flow.running():
        await page.send("hello?")
        await page.until("access", access="pending")
        notice = await page.message("notice")
        assert "pairing code is <strong>" in notice["html"]
        assert not flow.model.requests()
        await charlie.pair()
        told = await page.until("access", access="approved")
        assert told["changed"]
        assert "help" in [hint["name"] for hint in told["hints"]]
        await page.send("and now?")
        assert "Welcome in." in (await page.message("assistant"))["html"]
    await page.leave()


async def test_a_staff_user_is_known_at_once(flow: Flow) -> None:
    flow.model.set_default("Hello Alice.")
    alice = await Seat(user=await run_db(make_staff, "alice", admin=True)).sit_down()
    bob = await Seat(user=await run_db(make_staff, "bob", admin=False)).sit_down()
    page = await alice.open()
    assert (await page.until("access"))["role"] == "admin"
    other = await bob.open()
    assert (await other.until("access"))["role"] == "operator"
    async with flow.running():
        await page.send("hi")
        assert "Hello Alice." in (await page.message("assistant"))["html"]
    rows = await run_db(
        lambda: list(AuditEvent.objects.filter(action="contact.approve").values_list("data", flat=True))
    )
    assert sorted(row["role"] for row in rows) == ["admin", "operator"]
    await page.leave()
    await other.leave()


async def test_the_menu_is_what_the_visitor_may_use_also_when_that_changes(flow: Flow) -> None:
    bob = await Seat().sit_down()
    contact = await bob.approve()
    page = await bob.open()
    first = await page.until("access")
    await run_db(lambda: approve_contact(contact, actor=ADMIN, role="operator"))
    second = await page.until("access")
    menus = [{hint["name"] for hint in told["hints"]} for told in (first, second)]
    assert menus[1] - menus[0] >= {"ack", "subscribe", "deploy"}
    assert menus[0] <= menus[1]
    assert (second["role"], second["changed"]) == ("operator", False)
    await page.leave()


async def test_rights_that_an_account_lost_are_lost_in_the_chat(flow: Flow) -> None:
    user = await run_db(make_staff, "alice", admin=True)
    alice = await Seat(user=user).sit_down()
    await run_db(lambda: type(user).objects.filter(pk=user.pk).update(is_superuser=False))
    page = await alice.open()
    assert (await page.until("access"))["role"] == "operator"
    await page.leave()


async def test_an_answer_streams_and_its_end_is_whole(flow: Flow) -> None:
    flow.model.set_default(LONG, deltas=60, pause=0.05)
    bob = await Seat().sit_down()
    await bob.approve()
    page = await bob.open()
    async with flow.running():
        await page.send("a first one, so that there is a session")
        await page.message("assistant")
        await page.send("tell me a lot")
        first = await page.until("delta")
        later = await page.until("delta")
        assert later["text"].startswith(first["text"][:50])
        assert len(later["text"]) > len(first["text"])
        answer = await page.message("assistant")
        assert answer["html"].count("The river runs past the town.") == 120
        await page.until("busy", busy=False)
        await flow.quiet()
    assert await page.is_quiet()
    await page.leave()


async def test_what_was_written_when_an_answer_was_stopped_stays(flow: Flow) -> None:
    flow.model.set_default(LONG, deltas=60, pause=0.1)
    bob = await Seat().sit_down()
    await bob.approve()
    page = await bob.open()
    async with flow.running():
        await page.send("tell me a lot")
        shown = (await page.until("delta"))["text"]
        await page.send("/stop")
        said = [(await page.message("notice"))["html"] for _ in range(2)]
        await page.until("busy", busy=False)
    assert "Stopping." in said[0]
    assert said[1].count("The river runs past the town.") >= shown.count("The river runs past the town.") > 0
    assert "<em>Stopped.</em>" in said[1]
    await page.leave()


async def test_a_page_that_comes_back_gets_what_it_missed_and_nothing_twice(flow: Flow) -> None:
    bob = await Seat().sit_down()
    await bob.approve()
    page = await bob.open()
    async with flow.running():
        flow.model.set_default("One.")
        await page.send("first")
        seen = (await page.message("assistant"))["seq"]
        await page.leave()
        flow.model.set_default("Two.")
        again = await bob.open(last_seq=seen)
        await again.send("second")
        await again.message("assistant")
        await again.leave()
        await flow.quiet()
        back = await bob.open(last_seq=seen)
        missed = (await back.until("messages"))["messages"]
    assert [message["seq"] for message in missed] == [seen + 1, seen + 2]
    assert missed[0]["text"] == "second"
    await back.leave()


async def test_a_message_sent_again_is_stored_once(flow: Flow) -> None:
    flow.model.set_default("Once.")
    bob = await Seat().sit_down()
    await bob.approve()
    page, other = await bob.open(), await bob.open()
    name = new_id()
    async with flow.running():
        await page.send("do it", id=name)
        await page.send("do it", id=name)
        await other.send("do it", id=name)
        await page.message("assistant")
        await flow.quiet()
    assert await run_db(Inbox.objects.count) == 1
    assert len(flow.model.requests()) == 1
    await page.leave()
    await other.leave()


async def test_the_same_id_of_two_visitors_is_two_messages(flow: Flow) -> None:
    flow.model.set_default("Yes.")
    bob, charlie = await Seat().sit_down(), await Seat().sit_down()
    await bob.approve()
    name = new_id()
    one, two = await bob.open(), await charlie.open()
    await two.send("mine", id=name)
    await one.send("mine too", id=name)
    assert await run_db(Inbox.objects.count) == 2
    await one.leave()
    await two.leave()


async def test_all_tabs_of_a_visitor_show_the_same(flow: Flow) -> None:
    flow.model.set_default("To both.")
    bob = await Seat().sit_down()
    await bob.approve()
    one, two = await bob.open(), await bob.open()
    async with flow.running():
        await one.send("hi")
        assert "To both." in (await one.message("assistant"))["html"]
        assert "To both." in (await two.message("assistant"))["html"]
    await one.leave()
    await two.leave()


async def test_history_comes_in_pages(flow: Flow) -> None:
    bob = await Seat().sit_down()
    contact = await bob.approve()

    def fill() -> None:
        session = contact.channel.sessions.create(chat_id=contact.external_id, last_seq=130)
        Message.objects.bulk_create(
            Message(session=session, seq=number, role="user", text=f"text {number}") for number in range(1, 131)
        )

    await run_db(fill)
    page = await bob.open()
    newest = await page.until("messages")
    assert [message["seq"] for message in newest["messages"]] == list(range(81, 131))
    assert newest["more"]
    await page.say(t="older", before=81)
    older = await page.until("older")
    assert [message["seq"] for message in older["messages"]] == list(range(31, 81))
    await page.say(t="older", before=31)
    oldest = await page.until("older")
    assert [message["seq"] for message in oldest["messages"]] == list(range(1, 31))
    assert not oldest["more"]
    await page.leave()


async def test_a_page_that_missed_too_much_starts_anew(flow: Flow) -> None:
    bob = await Seat().sit_down()
    contact = await bob.approve()

    def fill() -> None:
        session = contact.channel.sessions.create(chat_id=contact.external_id, last_seq=300)
        Message.objects.bulk_create(
            Message(session=session, seq=number, role="user", text="x") for number in range(1, 301)
        )

    await run_db(fill)
    for known in (2, 5000):
        page = await bob.open(last_seq=known)
        news = await page.until("messages")
        assert news["restart"]
        assert [message["seq"] for message in news["messages"]] == list(range(251, 301))
        await page.leave()


async def test_a_button_runs_its_command_once_it_is_really_there(flow: Flow) -> None:
    bob = await Seat().sit_down()
    await bob.approve()
    page = await bob.open()
    async with flow.running():
        await page.send("/settings")
        shown = await page.message("notice")
        button = shown["buttons"][0][0]
        name = new_id()
        await page.say(t="callback", id=name, seq=shown["seq"], data=button["data"])
        await page.until("ack", id=name)
        assert (await page.message("notice"))["seq"] > shown["seq"]
        await page.say(t="callback", id=new_id(), seq=shown["seq"], data="cmd:reset")
        assert (await page.until("error"))["code"] == "bad_input"
    await page.leave()


async def test_who_is_blocked_is_shown_nothing_more(flow: Flow) -> None:
    bob = await Seat().sit_down()
    contact = await bob.approve()
    page = await bob.open()
    await page.until("access")
    await run_db(lambda: Contact.objects.filter(pk=contact.pk).update(state="blocked"))
    nudge("contact", contact=contact.pk)
    await page.until("access", access="blocked")
    assert (await page.until("closed"))["code"] == 4403
    again = await bob.open()
    await again.until("access", access="blocked")
    assert not again.messages()


async def test_who_logs_out_is_not_shown_the_next_message(flow: Flow) -> None:
    user = await run_db(make_staff, "alice", admin=True)
    alice = await Seat(user=user).sit_down()
    page = await alice.open()
    await page.until("access")
    await run_db(alice.client.logout)
    contact = await run_db(Contact.objects.get, external_id=f"user:{user.pk}")
    nudge("contact", contact=contact.pk)
    assert (await page.until("closed"))["code"] == 4401


async def test_each_message_that_was_too_much_at_once_is_shown_as_not_taken(web: None) -> None:
    async with open_flow(CLAW_USER_RATE=2) as flow:
        flow.model.set_default("Yes.")
        bob = await Seat().sit_down()
        await bob.approve()
        page = await bob.open()
        async with flow.running():
            names = [await page.send(f"note {number}") for number in range(4)]
            await page.until("refused", id=names[3])
            await flow.quiet()
        assert [frame["id"] for frame in page.frames if frame["t"] == "refused"] == names[2:]
        assert sum("Please wait" in message.get("html", "") for message in page.messages()) == 1
        assert [message["text"] for message in page.messages() if "text" in message] == ["note 0", "note 1"]
        await page.leave()


async def test_what_was_too_much_at_once_is_shown_also_when_the_page_was_away_meanwhile(web: None) -> None:
    async with open_flow(CLAW_USER_RATE=1) as flow:
        flow.model.set_default("Yes.")
        bob = await Seat().sit_down()
        await bob.approve()
        page = await bob.open()
        names = [await page.send(f"note {number}") for number in range(2)]
        await page.leave()
        back = await bob.open(greet=False)
        await back.say(t="hello", last_seq=0, sent=names)
        async with flow.running():
            await back.until("refused", id=names[1])
            await flow.quiet()
        assert len([frame for frame in back.frames if frame["t"] == "refused"]) == 1
        await back.leave()
