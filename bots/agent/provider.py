"""What one model call is, whatever SDK makes it. The agent speaks these values only.

While a call streams, `on_piece` gets every piece that arrives: new text for the user, or "" for anything
else. A call that does not end with a whole message has failed and raises ModelError; nothing of it may be
kept or run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from bots.agent.types import SystemPart, Target, ToolSet
from clawsite.core.errors import ClawError


class Fault(StrEnum):
    """What can be done about a failed call.

    retry: the same call may pass later. failover: this target will not do it, another may.
    permanent: the request itself is wrong everywhere. billing: the account has no money left.
    """

    RETRY = "retry"
    FAILOVER = "failover"
    PERMANENT = "permanent"
    BILLING = "billing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """Tokens as the provider counts them: `fresh` input excludes both kinds of cache traffic."""

    fresh: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0

    @property
    def prompt(self) -> int:
        """All tokens of the prompt."""
        return self.fresh + self.cache_read + self.cache_write


class ModelError(ClawError):
    """A model call failed. `tokens` are those it was billed for nevertheless, as far as it said."""

    code = "model_failed"

    def __init__(
        self, message: str, *, fault: Fault, retry_after: float | None = None, tokens: Tokens = Tokens()
    ) -> None:
        super().__init__(message, retryable=fault is Fault.RETRY)
        self.fault = fault
        self.retry_after = retry_after
        self.tokens = tokens


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCall:
    """One request. `cache_tail`: the conversation will be sent again, longer, so its end is worth caching.

    `on_left` hears what it cost so far when whoever asked ends it in the middle: that is billed like any other.
    """

    target: Target
    system: Sequence[SystemPart]
    messages: Sequence[dict[str, Any]]
    tools: ToolSet = field(default_factory=ToolSet)
    max_tokens: int = 4096
    cache_tail: bool = False
    on_left: Callable[[Tokens], None] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolUse:
    """A complete tool call of the model. `arguments` is None when what it wrote is not a JSON object."""

    call_id: str
    name: str
    arguments: dict[str, Any] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """The whole message: blocks exactly as they must be sent back, tool calls, why it stopped and what it cost."""

    stop_reason: str
    tokens: Tokens
    content: tuple[dict[str, Any], ...] = ()
    text: str = ""
    calls: tuple[ToolUse, ...] = ()
    ends_in_call: bool = False
    detail: str = ""


class Provider(Protocol):
    """Whoever can make a model call."""

    async def run(self, call: ModelCall, *, on_piece: Callable[[str], None]) -> End:
        """Make the call and return the whole message; ModelError on any failure of the outside."""
