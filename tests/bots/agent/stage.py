"""A stage for one run of the agent: the emulated model, a provider with the real SDK, people and tools to run."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bots.agent.anthropic import AnthropicProvider
from bots.agent.failover import Retry
from bots.agent.loop import run_agent
from bots.agent.types import AgentJob, AgentLimits, AgentOutcome, Target, Tool, ToolContext, ToolOutput, ToolSet
from guardrails.tools import Effect, ToolPolicy
from guardrails.types import Actor, Role
from sessions_app.models import Channel, Inbox, Session, Turn
from tests.servers.messages import MessagesServer

ALICE = Actor(subject="contact:1", role=Role.ADMIN, name="Alice")
BOB = Actor(subject="contact:2", role=Role.OPERATOR, name="Bob")
CHARLIE = Actor(subject="contact:3", role=Role.STRANGER, name="Charlie")
SONNET = Target(model="claude-sonnet-5-5")
HAIKU = Target(model="claude-haiku-5-5")
FAST = Retry(base=0.001, cap=0.01)
HI = ({"role": "user", "content": "Hello"},)

_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A system block."""

    text: str
    stable: bool = True


class Stage:
    """Runs jobs and keeps what the user would have seen."""

    def __init__(self, model: MessagesServer, provider: AnthropicProvider) -> None:
        self.model = model
        self.provider = provider
        self.shown: list[str] = []
        self.cancel = False
        self.session_id = 0
        self.turn_id = 0

    async def run(
        self,
        *,
        actor: Actor = BOB,
        tools: tuple[Tool, ...] = (),
        targets: tuple[Target, ...] = (SONNET,),
        limits: AgentLimits | None = None,
        tainted: bool = False,
        resume: Mapping[str, Any] | None = None,
        decisions: Mapping[str, bool] | None = None,
        retry: Retry = FAST,
        cancelled: Callable[[], bool] | None = None,
        system: tuple[Part, ...] = (Part(text="Be brief."),),
    ) -> AgentOutcome:
        """Run one turn of the current session."""
        job = AgentJob(
            system=system,
            messages=HI,
            tools=ToolSet(tools),
            targets=targets,
            limits=limits or AgentLimits(seconds=20),
            context=self.context(actor=actor, tainted=tainted),
            resume=resume,
            decisions=decisions or {},
        )
        return await run_agent(
            job,
            on_text=self.shown.append,
            cancelled=cancelled or (lambda: self.cancel),
            provider=self.provider,
            retry=retry,
        )

    def context(self, *, actor: Actor = BOB, tainted: bool = False, language: str = "en") -> ToolContext:
        """Return the context of a run in the current session."""
        return ToolContext(
            session_id=self.session_id,
            turn_id=self.turn_id,
            session_ref=f"session:{self.session_id}",
            actor=actor,
            tainted=tainted,
            language=language,
        )

    async def give_up_after(self, seconds: float) -> None:
        """Have a stream given up that says nothing for so long, much sooner than the product does."""
        await self.provider.close()
        self.provider = AnthropicProvider(stall_seconds=seconds)
        await self.provider.warm()

    def bodies(self) -> list[dict[str, Any]]:
        """Return the bodies of all requests so far."""
        return [request["body"] for request in self.model.requests()]


def make_turn() -> Turn:
    """Make a channel, a session and a running turn, all of them new."""
    number = next(_numbers)
    channel = Channel.objects.create(kind="webchat", name=f"channel {number}")
    session = Session.objects.create(channel=channel, chat_id=str(number))
    inbox = Inbox.objects.create(channel=channel, external_id=str(number), lane=str(number), raw="{}")
    return Turn.objects.create(inbox=inbox, session=session, epoch=1, trace_id=f"trace{number}")


class Recorder:
    """Makes tools and remembers how they were called."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def tool(
        self,
        name: str,
        *,
        effect: Effect = "read",
        output: str | Callable[[], ToolOutput] = "fine",
        repeatable: bool = False,
        per_minute: int = 0,
        role: Role = Role.VIEWER,
        wait: asyncio.Event | None = None,
    ) -> Tool:
        """Return a tool that takes an optional text `x`."""

        async def run(context: ToolContext, arguments: dict[str, Any]) -> ToolOutput:
            self.calls.append({"tool": name} | arguments)
            if wait is not None:
                await wait.wait()
            return ToolOutput(text=output) if isinstance(output, str) else output()

        return Tool(
            name=name,
            description=f"The tool {name}.",
            schema={"type": "object", "properties": {"x": {"type": "string", "maxLength": 50}}},
            policy=ToolPolicy(name=name, role=role, effect=effect, per_minute=per_minute),
            run=run,
            repeatable=repeatable,
        )

    @property
    def names(self) -> list[str]:
        """Return the names of the tools that ran, in order."""
        return [call["tool"] for call in self.calls]


def results_of(message: dict[str, Any]) -> dict[str, str]:
    """Return the texts of the tool results of a message by call id."""
    return {
        block["tool_use_id"]: "".join(part.get("text", "") for part in block["content"])
        for block in message["content"]
        if block["type"] == "tool_result"
    }
