"""The values that travel through the pipeline: one inbound row on its way to an answer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.conf import settings

from bots.agent.types import ToolSet, Usage
from bots.channels.base import Account, ChannelAdapter, InboundMessage, OutboundMessage
from bots.commands.registry import Match
from clawsite.core.crypto import check_secret
from clawsite.core.leases import Held
from clawsite.core.metrics import STAGE_SECONDS
from clawsite.core.tracing import new_trace_id, span, trace_id
from guardrails.types import Verdict
from sessions_app.inbox import Head
from sessions_app.models import Channel, Contact, Session, Turn
from sessions_app.prompts.compose import Composed


@dataclass(kw_only=True)
class OpenChannel:
    """A channel row with its adapter, as one process uses them."""

    row: Channel
    adapter: ChannelAdapter

    @property
    def username(self) -> str:
        """The bot's own name on the platform, without @."""
        return str(self.row.identity.get("username", ""))


def account_of(row: Channel) -> Account:
    """Return what an adapter needs to know of a channel row; DecryptError when its token cannot be read."""
    return Account(
        channel_id=row.pk,
        name=row.name,
        token=check_secret(row.token),
        webhook_secret=check_secret(row.webhook_secret),
        config=row.config,
        identity=row.identity,
    )


T = TypeVar("T")


def _found(value: T | None, what: str) -> T:
    if value is None:
        raise RuntimeError(f"the {what} was asked for before its stage")
    return value


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a row ends without the model: what is said (nothing is silence) and what is remembered of the user's text."""

    outcome: str
    replies: tuple[OutboundMessage, ...] = ()
    remember: bool = True

    @property
    def is_refusal(self) -> bool:
        """Whether nothing was done with the message, so that its sender may put it differently."""
        return self.outcome in ("unknown_command", "command:suggest") or self.outcome.startswith("refused:")

    @property
    def is_taken(self) -> bool:
        """Whether the message was looked at, which it is not when there are too many at once."""
        return self.outcome != "flooded"


@dataclass(kw_only=True)
class Work:
    """One row in the pipeline. Stages fill it in from top to bottom."""

    head: Head
    channel: OpenChannel
    message: InboundMessage
    merged: tuple[int, ...] = ()
    captions: dict[str, str] = field(default_factory=dict)
    match: Match | None = None
    text: str = ""
    contact: Contact | None = None
    session: Session | None = None
    language: str = settings.LANGUAGE_CODE
    verdicts: list[Verdict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tainted: bool = False
    composed: Composed | None = None
    tools: ToolSet = field(default_factory=ToolSet)
    resume: Mapping[str, Any] | None = None
    decisions: Mapping[str, bool] = field(default_factory=dict)
    held: Held | None = None
    turn: Turn | None = None
    streams: bool = True
    is_shown: bool = False
    trace_id: str = field(default_factory=lambda: trace_id() or new_trace_id())
    stages: dict[str, float] = field(default_factory=dict)
    spent: Usage = field(default_factory=Usage)
    started: float = field(default_factory=time.monotonic)

    @property
    def the_session(self) -> Session:
        """The session, which stage 3 found."""
        return _found(self.session, "session")

    @property
    def the_turn(self) -> Turn:
        """The turn, which stage 4 began."""
        return _found(self.turn, "turn")

    @property
    def the_contact(self) -> Contact:
        """The contact, which stage 2 let in."""
        return _found(self.contact, "contact")

    @property
    def prompt(self) -> Composed:
        """The prompt, which stage 4 made."""
        return _found(self.composed, "prompt")

    @property
    def run_id(self) -> int:
        """The inbox row that is being answered, also where a decision on it brought us here."""
        return self.turn.inbox_id if self.turn is not None else self.head.pk

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure one stage: milliseconds on the turn, seconds in the metric."""
        begin = time.perf_counter()
        try:
            with span(f"stage {name}"):
                yield
        finally:
            seconds = time.perf_counter() - begin
            self.stages[name] = round(self.stages.get(name, 0.0) + seconds * 1000, 3)
            STAGE_SECONDS.labels(name).observe(seconds)

    @property
    def subject(self) -> str:
        """Who wrote, as guards and records name them."""
        if self.contact is not None and self.contact.pk:
            return self.contact.person
        return f"{self.channel.row.kind}:{self.message.sender.external_id}"
