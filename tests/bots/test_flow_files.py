"""Files through Telegram: a document is offered to the project, placed by a button, committed, and brought back."""

from __future__ import annotations

from typing import Any

from clawsite.core.db import run_db
from runbooks.models import CurrentProject, Job, Project, Upload
from runbooks.runner import perform
from runbooks.workspaces import git
from runbooks.workspaces.roots import tree_of
from sessions_app.models import Contact, Session
from tests.bots.flow import Flow, until, until_db
from tests.bots.test_flow_runbook import finished, pressed
from tests.runbooks.workspaces.making import project as make_project


def bobs_project(flow: Flow) -> Project:
    """A project of Bob's, chosen in his chat."""
    bob = Contact.objects.get(external_id=str(flow.bob))
    made = make_project("bridge", owner=bob.actor.subject)
    session = Session.objects.get(chat_id=str(flow.bob))
    CurrentProject.objects.create(session=session, subject=bob.actor.subject, project=made)
    return made


def button(flow: Flow, asked: dict[str, Any], label: str) -> str:
    """Return what a button of a message carries."""
    rows = asked["reply_markup"]["inline_keyboard"]
    return next(str(each["callback_data"]) for row in rows for each in row if each["text"] == label)


async def work() -> None:
    job_id = await run_db(lambda: Job.objects.order_by("-pk")[0].pk)
    assert await run_db(perform, job_id)


async def test_a_document_goes_into_the_project_and_comes_back(flow: Flow) -> None:
    async with flow.running():
        await flow.says(flow.bob, "/help")
        made = await run_db(bobs_project, flow)
        flow.telegram.user_sends(flow.bob, document=b"the plan\n", file_name="plan.md")
        await until(lambda: any("Put plan.md into bridge?" in said for said in flow.texts(flow.bob)))
        asked = flow.telegram.bot_messages(flow.bob)[-1]
        place = button(flow, asked, "uploads/")

        flow.telegram.inject(pressed("91", flow.charlie, place, asked))
        await finished("91")
        assert not await run_db(Job.objects.exists)
        flow.telegram.inject(pressed("92", flow.bob, place, asked))
        await until_db(lambda: Upload.objects.filter(state="storing").exists())
        await flow.quiet()
    await work()
    async with flow.running():
        await until(lambda: any("uploads/plan.md is in bridge now" in said for said in flow.texts(flow.bob)))
        flow.telegram.user_sends(flow.bob, "/get uploads/plan.md")
        await until_db(lambda: Job.objects.filter(kind="file_get").exists())
        await flow.quiet()
    await work()
    async with flow.running():
        await until(lambda: flow.telegram.bot_messages(flow.bob)[-1].get("document"))
        await flow.quiet()
    sent = flow.telegram.bot_messages(flow.bob)[-1]["document"]
    assert (sent["file_name"], sent["file_size"]) == ("plan.md", 9)
    assert await run_db((tree_of(made) / "uploads" / "plan.md").read_bytes) == b"the plan\n"
    assert await run_db(lambda: [each.op for each in git.log(made, 1)]) == ["file_put"]
    assert flow.asked() == []  # the model was never asked
