"""One night of a story: the running bots role, the example system, and people who write on their phones.

Steps of a story are plain functions; what happens in the role happens while one of them waits on its loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any, TypeVar

from django.utils import timezone

from bots.commands.named_queries import forget_named
from bots.skills.install import find_source, install_skill
from bots.skills.switching import enable_skill
from guardrails.types import Actor, Role
from runbooks.books.ready import install_ready
from runbooks.models import Job, MonitoredSystem, NamedQuery, SystemReading
from runbooks.runner import perform
from runbooks.sources.loop import read_due
from sessions_app.models import Contact, Inbox
from sessions_app.prompts.layers import ensure_layers
from tests.bots.flow import Flow, open_flow, until, until_db
from tests.runbooks.running import perform_beside
from tests.servers.guardian import GuardianServer

ALICE = Actor(subject="user:1", role=Role.ADMIN, name="Alice")
T = TypeVar("T")


class Night:
    """What the steps of one scenario share."""

    def __init__(self, flow: Flow, wait: Callable[[Coroutine[Any, Any, Any]], Any], guardian: GuardianServer) -> None:
        self.flow, self.guardian = flow, guardian
        self._wait = wait
        self._role = AsyncExitStack()
        self.people = {"Alice": flow.alice, "Bob": flow.bob, "Charlie": flow.charlie}
        self.writer, self.heard = "Bob", 0
        self.message: dict[str, Any] = {}

    def writes(self, who: str, text: str) -> None:
        """Let somebody write, and wait until it was worked on; what is said from here on is the answer."""
        stored = Inbox.objects.count()
        self.writer, self.heard = who, len(self.shown(who))
        self.flow.telegram.user_sends(self.people[who], text)
        self._wait(until_db(lambda: Inbox.objects.count() > stored))
        self._wait(self.flow.quiet())

    def hears(self, text: str = "") -> str:
        """Wait for an answer to what was written last, one that holds this text, and return all of it."""

        def answer() -> str:
            said = "\n".join(self.shown(self.writer)[self.heard :])
            return said if text in said else ""

        try:
            return str(self._wait(until(answer)))
        except AssertionError:
            raise AssertionError(f"{text!r} is in none of {self.shown(self.writer)}") from None

    def presses(self, who: str, label: str) -> None:
        """Let somebody press the button of the message at hand whose label holds these words."""
        rows = self.message["reply_markup"]["inline_keyboard"]
        shown = next(each["text"] for row in rows for each in row if label in each["text"])
        self.flow.telegram.press(self.people[who], self.message["message_id"], text=shown)

    def taps(self, who: str, label: str) -> None:
        """Let somebody press a button, and wait until that was worked on."""
        stored = Inbox.objects.count()
        self.presses(who, label)
        self._wait(until_db(lambda: Inbox.objects.count() > stored))
        self._wait(self.flow.quiet())

    def find(self, who: str, text: str) -> dict[str, Any]:
        """Wait for a message of the bot that holds this text, and keep it at hand."""
        chat = self.people[who]
        holding = lambda: [each for each in self.flow.telegram.bot_messages(chat) if text in each.get("text", "")]  # noqa: E731
        try:
            self.message = self._wait(until(holding))[-1]
        except AssertionError:
            raise AssertionError(f"{text!r} is in none of {self.shown(who)}") from None
        return self.message

    def becomes(self, who: str, text: str) -> None:
        """Wait until the message at hand, and no other, holds this text."""
        number = self.message["message_id"]
        assert self.find(who, text)["message_id"] == number

    def contact(self, who: str) -> Contact:
        """Return somebody as the channel knows them."""
        return Contact.objects.get(external_id=str(self.people[who]))

    def shown(self, who: str) -> list[str]:
        """Return all that the bot says in somebody's chat now."""
        return self.flow.texts(self.people[who])

    def works(self) -> None:
        """Do every job that waits, as a worker does: in this process, so that the role stands still meanwhile."""
        self.stops()
        for number in list(Job.objects.filter(state="queued").values_list("pk", flat=True)):
            perform(number)
        self.starts()

    def works_with_model(self) -> None:
        """The same for jobs that ask the model, which answers only while the loop of this night goes on."""
        self.stops()
        for number in list(Job.objects.filter(state="queued").values_list("pk", flat=True)):
            self._wait(asyncio.to_thread(perform_beside, number))
        self.starts()

    def starts(self) -> None:
        """Start the role."""
        self._wait(self._role.enter_async_context(self.flow.running()))

    def stops(self) -> None:
        """Stop the role as an operator does."""
        self._wait(self._role.aclose())

    def reads_systems(self) -> None:
        """Ask the monitored systems, as the worker does every half minute."""
        SystemReading.objects.update(due_at=timezone.now())
        self._wait(read_due())

    # --- what is there at the beginning -------------------------------------------------------------------------------
    def watches_guardian(self) -> None:
        """Have the example system watched."""
        url = self.guardian.url
        MonitoredSystem.objects.create(
            name="transaction-guardian",
            title="Transaction Guardian",
            health_url=f"{url}/health",
            stats_url=f"{url}/stats",
        )
        self.reads_systems()

    def watches_metric(self, title: str, words: str) -> None:
        """Watch a metric of the example system, whose Prometheus does not answer."""
        MonitoredSystem.objects.update(prometheus_url="http://127.0.0.1:9")
        system = MonitoredSystem.objects.get()
        NamedQuery.objects.create(system=system, name="volume", title=title, promql="tx", watched=True, words=[words])
        forget_named()

    def has_runbooks(self) -> None:
        """Bring the ready-made runbooks in."""
        install_ready(actor=ALICE)

    def has_skill(self, name: str, *, on: bool) -> None:
        """Install a skill, and switch it on."""
        skill = install_skill(find_source(name), actor=ALICE).skill
        if on:
            enable_skill(skill, digest=skill.digest, actor=ALICE)


@contextmanager
def open_night() -> Iterator[Night]:
    """Run the role for one scenario."""
    ensure_layers()
    with GuardianServer().running() as guardian, asyncio.Runner() as runner:
        stack = AsyncExitStack()
        flow: Flow = runner.run(stack.enter_async_context(open_flow()))
        night = Night(flow, runner.run, guardian)
        try:
            night.starts()
            yield night
        finally:
            night.stops()
            runner.run(stack.aclose())
