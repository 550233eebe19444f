"""People: codes that expire, and one person with several identities."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from clawsite.core.db import run_db
from clawsite.core.models import User
from clawsite.ops.housekeeping import clean
from guardrails.models import Approval
from guardrails.types import Actor, Role
from sessions_app.models import Channel, Contact, Inbox, Pairing
from tests.bots.flow import Flow, until, until_db
from tests.servers.messages.scripts import tool_use


async def test_a_stranger_gets_a_new_code_when_the_old_one_expired(flow: Flow) -> None:
    async with flow.running():
        await flow.says(flow.charlie, "one")
        await flow.says(flow.charlie, "two")
        old = await run_db(lambda: Pairing.objects.get().code)
        await run_db(lambda: Pairing.objects.update(expires_at=timezone.now() - timedelta(minutes=1)))
        (answer,) = await flow.says(flow.charlie, "three")
        new = await run_db(lambda: Pairing.objects.get().code)
    assert new != old
    assert new[:4] in answer


async def test_a_stranger_who_got_a_code_and_no_answer_goes_in_the_end(flow: Flow) -> None:
    async with flow.running():
        await flow.says(flow.charlie, "hello?")
    past = timezone.now() - timedelta(days=91)

    def clean_later() -> int:
        Contact.objects.filter(external_id=str(flow.charlie)).update(seen_at=past)
        Pairing.objects.update(expires_at=past)
        clean()  # takes the code
        return clean()["strangers"]

    assert await run_db(clean_later) == 1
    assert not await run_db(lambda: Contact.objects.filter(external_id=str(flow.charlie)).exists())
    async with flow.running():
        (answer,) = await flow.says(flow.charlie, "hello again?")
    assert (await run_db(lambda: Pairing.objects.get().code))[:4] in answer


async def test_who_waited_when_a_channel_was_opened_to_anybody_may_talk(flow: Flow) -> None:
    flow.model.set_default("Welcome.")
    async with flow.running():
        await flow.says(flow.charlie, "hello?")
    await run_db(lambda: Channel.objects.update(access="open"))
    async with flow.running():
        assert await flow.says(flow.charlie, "and now?") == ["Welcome."]
    charlie = await run_db(lambda: Contact.objects.get(external_id=str(flow.charlie)))
    assert (charlie.state, charlie.role) == ("approved", "viewer")
    assert not await run_db(Pairing.objects.exists)


async def test_who_was_shut_out_stays_so_when_a_channel_is_opened_to_anybody(flow: Flow) -> None:
    async with flow.running():
        await flow.says(flow.charlie, "hello?")
    await run_db(lambda: Contact.objects.filter(external_id=str(flow.charlie)).update(state="blocked"))
    await run_db(lambda: Channel.objects.update(access="open"))
    async with flow.running():
        flow.telegram.user_sends(flow.charlie, "and now?")
        await until_db(lambda: Inbox.objects.filter(state="done").count() == 2)
        await flow.quiet()
    assert len(flow.texts(flow.charlie)) == 1
    assert not flow.model.requests()


async def test_a_person_decides_on_another_channel_what_they_asked_here(flow: Flow) -> None:
    def link() -> None:
        user = User.objects.create(username="bob")
        Contact.objects.filter(name="Bob").update(user=user, role="viewer")

    await run_db(link)
    flow.model.script(tool_use("forget", {"what": "everything"}), match="clean up")
    async with flow.running():
        flow.telegram.user_sends(flow.bob, "clean up please")
        await until(lambda: flow.telegram.bot_messages(flow.bob))
    bob = await run_db(lambda: Contact.objects.get(name="Bob").actor)
    same_person = Actor(subject=bob.subject, role=Role.VIEWER, name="Bob on the web")
    approval = await run_db(Approval.objects.get)
    assert approval.requested_by == bob.subject == f"user:{await run_db(lambda: User.objects.get().pk)}"
    assert same_person.subject in approval.allowed
