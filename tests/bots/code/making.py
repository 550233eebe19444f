"""A project of Bob's with one failing test, and his /code, run the way a worker runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connections

from bots.agent import hooks
from bots.cards.registry import CardView, render_card
from bots.channels.base import Address as Place
from bots.channels.base import InboundMessage, OutboundMessage, Sender
from bots.code.starting import start_code
from bots.commands.base import CommandContext
from bots.commands.registry import find_command, run_command
from runbooks.models import CodeRun, CurrentProject, Job, Project
from runbooks.runner import perform
from runbooks.workspaces import git, roots
from runbooks.workspaces.operations import record_operation
from sessions_app.models import Card, Contact, Session
from tests.runbooks.workspaces.making import commit, row, write
from tests.servers.messages import MessagesServer, text, tool_use
from tests.sessions_app.people import People

APP = "def add(a, b):\n    return a - b\n"
TEST = "from app import add\n\nprint('add gives', add(2, 3))\nassert add(2, 3) == 5\n"
MANIFEST = "name: shop\ntype: python\ntest:\n  argv: [python, test_app.py]\n  seconds: 60\n"
FILES = {"app.py": APP, "test_app.py": TEST, "claw.yaml": MANIFEST, ".gitignore": "__pycache__/\n"}
MEND = tool_use("edit_file", {"path": "app.py", "old": "a - b", "new": "a + b", "why": "Add instead of subtracting"})
VIEW = CardView(zone=ZoneInfo("UTC"))


class _Once:
    """A hook that does something after the model's last answer, once."""

    def __init__(self, do: Callable[[], object]) -> None:
        self._do = do

    async def __call__(self, moment: hooks.Moment) -> None:
        if moment.data["stop_reason"] == "end_turn":
            await asyncio.to_thread(self._run)

    def _run(self) -> None:
        try:
            self._do()
        finally:
            connections.close_all()  # the thread ends with the loop


@dataclass
class World:
    """A project and its people."""

    people: People
    project: Project

    def start(self, request: str = "Make the failing test pass", **options: Any) -> CodeRun:
        """Start a /code of Bob's in his chat."""
        given: dict[str, Any] = {
            "project": self.project,
            "actor": self.people.bob.actor,
            "session": self.people.bobs,
            "language": "en",
        } | options
        return start_code(request, **given)

    def say(self, line: str, *, by: Contact | None = None, session: Session | None = None, reply_to: str = "") -> str:
        """Use a command as somebody in a chat, and return what it answers."""
        contact = by or self.people.bob
        session = session or self.people.bobs
        name, _, args = line.removeprefix("/").partition(" ")
        message = InboundMessage(
            external_id="1",
            kind="message",
            address=Place(chat_id=session.chat_id),
            direct=True,
            sender=Sender(external_id=contact.external_id),
            text=line,
            reply_to_id=reply_to,
        )
        context = CommandContext(
            session=session,
            contact=contact,
            channel=self.people.channel,
            actor=contact.actor,
            args=args,
            message=message,
        )
        command = find_command(name)
        assert command is not None
        return "\n".join(answer.text for answer in run_command(command, context))

    def commit(self, name: str, text: str) -> str:
        """Put a file on the default branch, as if Bob had uploaded it."""
        tree, actor = roots.tree_of(self.project), self.people.bob.actor
        (tree / name).write_text(text)
        before = git.head(self.project)
        sha = git.commit_all(self.project, tree, f"Put {name}", actor=actor)
        assert sha
        record_operation(
            self.project, kind="file", sha=sha, before=before, job=None, actor=actor, summary=f"Put {name}"
        )
        return sha

    def files(self) -> dict[str, str]:
        """Return the files of the default branch."""
        return tree_of(self.project, git.head(self.project))

    def log(self) -> list[str]:
        """Return the subjects of the default branch, newest first."""
        out = git.run_git(self.project, "log", "--format=%s", git.head(self.project)).stdout.decode()
        return out.splitlines()


def tree_of(project: Project, commit: str) -> dict[str, str]:
    """Return the files of a commit."""
    names = git.run_git(project, "ls-tree", "-r", "--name-only", commit).stdout.decode().split()
    return {name: git.run_git(project, "show", f"{commit}:{name}").stdout.decode() for name in names}


def finish(model: MessagesServer, *steps: dict[str, Any], said: str = "Done.") -> None:
    """Have the model make these calls, one after the other, and then say something."""
    for number, step in enumerate(steps):
        model.script(step, on_result=bool(number))
    model.script(text(said), on_result=bool(steps))


def go(run: CodeRun) -> CodeRun:
    """Run its job until it ends or pauses, and return the row as it is then."""
    assert perform(run.job_id)
    return CodeRun.objects.select_related("job", "project").get(pk=run.pk)


def go_on(kind: str) -> Job:
    """Run the newest job of a kind."""
    job = Job.objects.filter(kind=kind).latest("pk")
    assert perform(job.pk)
    return Job.objects.get(pk=job.pk)


def make_project(owner: Contact, session: Session, files: Mapping[str, str] = FILES) -> Project:
    """Make somebody's project with these files, chosen in their chat."""
    project = row(owner=owner.person)
    git.init_repository(project)
    write(roots.tree_of(project), dict(files))
    commit(project, "Begin", actor=owner.actor)
    CurrentProject.objects.create(session=session, subject=owner.person, project=project)
    return project


@contextmanager
def at_tests(do: Callable[[], object]) -> Iterator[None]:
    """Have something happen once, when the model's work is over and its end begins."""

    hook = _Once(do)
    hooks.register_hook("after_model", hook)
    try:
        yield
    finally:
        hooks.remove_hook("after_model", hook)


def shown(key: str) -> OutboundMessage:
    """Return a card as it is seen."""
    card = Card.objects.get(key=key)
    return render_card(card.kind, card.data, VIEW)


def labels(message: OutboundMessage) -> list[str]:
    """Return the commands of the buttons of a message."""
    return [button.data.removeprefix("cmd:") for row in message.buttons for button in row]
