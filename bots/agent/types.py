"""What goes into a run of the agent and what comes out of it. Values only: no I/O, no SDK, no models."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from clawsite.core.leases import Held
from guardrails.tools import ToolPolicy
from guardrails.types import Actor, Role, Verdict

if TYPE_CHECKING:
    from bots.agent.calls import CallRecord

Stop = Literal[
    "answer", "parked", "cancelled", "refused", "limit", "cut", "unavailable", "not_configured"
]  # fmt: skip


class SystemPart(Protocol):
    """One block of the system prompt; stable blocks come first and may be cached by the provider."""

    @property
    def text(self) -> str:
        """What it says."""

    @property
    def stable(self) -> bool:
        """Whether it stays the same from turn to turn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One model at one place. An empty base_url is the provider's own address (or ANTHROPIC_BASE_URL)."""

    model: str
    base_url: str = ""

    @property
    def name(self) -> str:
        """As it stands in CLAW_MODELS."""
        return f"{self.model}@{self.base_url}" if self.base_url else self.model


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """Tokens and money. `input` holds all tokens read, `cached` those of them that came from the cache."""

    input: int = 0
    output: int = 0
    cached: int = 0
    cost_usd: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input=self.input + other.input,
            output=self.output + other.output,
            cached=self.cached + other.cached,
            cost_usd=self.cost_usd + other.cost_usd,
        )

    def __sub__(self, other: Usage) -> Usage:
        return Usage(
            input=self.input - other.input,
            output=self.output - other.output,
            cached=self.cached - other.cached,
            cost_usd=self.cost_usd - other.cost_usd,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentLimits:
    """Ends of one run: seconds and model calls in all, dollars of the turn and of the day (0 is no limit)."""

    seconds: float = 300.0
    steps: int = 25
    usd: float = 0.0
    day_usd: float = 0.0
    max_tokens: int = 4096
    tool_result_chars: int = 16_000


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolContext:
    """For whom a tool runs. `held` is the lease of the turn: it is checked right before each side effect.

    A run of a job has no turn (0), and a conversation only where it was started in one.
    """

    session_id: int
    turn_id: int
    session_ref: str
    actor: Actor
    language: str = "en"
    time_zone: str = "UTC"
    tainted: bool = False
    trace_id: str = ""
    user_seq: int | None = None
    held: Held | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolOutput:
    """What a tool gives back. `source` says where the text comes from; images are (media type, base64) pairs."""

    text: str
    is_error: bool = False
    source: str = ""
    images: tuple[tuple[str, str], ...] = ()


ToolRun = Callable[[ToolContext, dict[str, Any]], Awaitable[ToolOutput]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    """One callable offered to the model. `schema` is the JSON Schema of its arguments.

    repeatable: running it twice does no harm, so a call that a crash interrupted is simply run again.
    summary: says in one line what exactly will be done, for the person who is asked; None shows the
    arguments. guard: looks at the arguments of a call that the policy allows, and may ask or refuse. seconds: how
    long one call may take.
    """

    name: str
    description: str
    schema: Mapping[str, Any]
    policy: ToolPolicy
    run: ToolRun
    repeatable: bool = False
    summary: Callable[[dict[str, Any]], str] | None = None
    guard: Callable[[dict[str, Any]], Verdict] | None = None
    seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class ToolSet:
    """The tools one run may use: an allowlist. Sorted by name, because a changed order spoils the prompt cache."""

    tools: tuple[Tool, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "tools", tuple(sorted(self.tools, key=lambda tool: tool.name)))

    def find(self, name: str) -> Tool | None:
        """Return the tool of this name, or None when it is not allowed here."""
        return next((tool for tool in self.tools if tool.name == name), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingCall:
    """A tool call that waits for a person's decision about exactly these arguments."""

    call_id: str
    tool: str
    arguments: dict[str, Any]
    arguments_hash: str
    summary: str
    role: Role


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentJob:
    """One run. `messages` end with the user's; `resume` is `AgentOutcome.state` of a run that parked or crashed.

    `decisions` say by call id what a person decided; a parked call without a decision counts as denied.
    `on_urls` hears of the links that a tool result brought, before the model goes on. `leaks` tells whether texts
    repeat what the prompt keeps to itself; no call with an effect may hold that. `record` keeps the tool calls
    of a run that is no turn's; `on_step` gets its state whenever tools have answered, to be kept or shown. `on_spent`
    hears what this run has cost so far whenever that is more, for whoever has to account for one that comes to no end.
    """

    system: tuple[SystemPart, ...]
    messages: tuple[dict[str, Any], ...]
    tools: ToolSet
    targets: tuple[Target, ...]
    limits: AgentLimits
    context: ToolContext
    resume: Mapping[str, Any] | None = None
    decisions: Mapping[str, bool] = field(default_factory=dict)
    on_urls: Callable[[frozenset[str]], None] | None = None
    leaks: Callable[[Iterable[str]], bool] | None = None
    record: CallRecord | None = None
    on_step: Callable[[dict[str, Any]], Awaitable[None]] | None = None
    on_spent: Callable[[Usage], None] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentOutcome:
    """How a run ended. `notice` is a sentence for the user whenever the answer is missing or not whole.

    `usage` is that of this run alone, `prompt_tokens` the measured size of its first prompt (0 when none was
    sent). `messages` are those since the user's; `state` is what `AgentJob.resume` takes (stored while
    parked). `retry_after` with `unavailable`: the same turn may be tried again after so many seconds.
    """

    text: str
    stop: Stop
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    steps: int = 0
    prompt_tokens: int = 0
    messages: tuple[dict[str, Any], ...] = ()
    pending: tuple[PendingCall, ...] = ()
    tainted: bool = False
    known_urls: frozenset[str] = frozenset()
    notice: str = ""
    retry_after: float | None = None
    verdicts: tuple[Verdict, ...] = ()
    state: dict[str, Any] = field(default_factory=dict)
    stop_detail: str = ""

    @property
    def may_pass(self) -> bool:
        """Whether a model that was `unavailable` may answer later.

        A refused key, an account without money or a wrong request waits for somebody who mends it.
        """
        return self.stop == "unavailable" and (self.retry_after is not None or self.stop_detail == "empty")
