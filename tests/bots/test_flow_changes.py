"""A command that a project defines, typed in a chat: a job for who has the project, unknown to everybody else."""

from __future__ import annotations

import yaml

from clawsite.core.db import run_db
from runbooks.models import CommandSet, CurrentProject, Job, Project
from sessions_app.models import Contact, Session
from tests.bots.flow import Flow, until_db
from tests.runbooks.workspaces.gitops.papers import SCALE


def rows() -> None:
    """Make a project of Bob's with /scale, chosen in the chat that he has begun."""
    bob = Contact.objects.get(name="Bob")
    made = Project.objects.create(key="shop-1", name="shop", owner=bob.person, type="fastapi", state="ready")
    CommandSet.objects.create(project=made, documents=[{"file": "x.yaml", "document": yaml.safe_load(SCALE)}])
    session = Session.objects.get(chat_id=bob.external_id)
    CurrentProject.objects.create(session=session, subject=bob.person, project=made)


async def test_it_is_a_command_in_the_chat_of_its_project_alone(flow: Flow) -> None:
    async with flow.running():
        assert "do not know this command" in (await flow.says(flow.bob, "/scale web 3"))[0]
        await run_db(rows)
        flow.telegram.user_sends(flow.bob, "/scale web 3")
        await until_db(lambda: Job.objects.filter(kind="gitops").exists())
        await flow.quiet()  # what is said of it is not the answer to what comes next
        assert (await flow.says(flow.bob, "/scale web 99"))[0] == "The parameter 'count' must be at most 9."
        assert "do not know this command" in (await flow.says(flow.alice, "/scale web 3"))[0]

    params = await run_db(lambda: Job.objects.get(kind="gitops").params)
    assert params == {"project": "shop-1", "command": "scale", "words": ["web", "3"]}
