"""Places where other code may look on: before and after each model call and each tool call.

Hooks are async functions that get a Moment. They observe: a hook that fails or takes longer than 5 s is
logged with an id, and the turn goes on. Hooks run one after the other in the order they were registered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from bots.agent.types import ToolContext
from clawsite.core.errors import log_unknown

logger = logging.getLogger(__name__)

Event = Literal["before_model", "after_model", "before_tool", "after_tool"]
EVENTS: tuple[Event, ...] = get_args(Event)
HOOK_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """What happens.

    Data: `model` and `step` (models), with `stop_reason`, `input`, `output` after; `tool`, `call_id` and
    `arguments` (tools), with `is_error` and `seconds` after.
    """

    event: Event
    context: ToolContext
    data: Mapping[str, Any] = field(default_factory=dict)


Hook = Callable[[Moment], Awaitable[None]]
_hooks: dict[Event, list[Hook]] = {event: [] for event in EVENTS}


def register_hook(event: Event, hook: Hook) -> None:
    """Add a hook; the same one is added once."""
    if hook not in _hooks[event]:
        _hooks[event].append(hook)


def remove_hook(event: Event, hook: Hook) -> None:
    """Take a hook away; unknown ones are no error."""
    if hook in _hooks[event]:
        _hooks[event].remove(hook)


def list_hooks() -> dict[Event, tuple[Hook, ...]]:
    """Return all hooks by event."""
    return {event: tuple(hooks) for event, hooks in _hooks.items()}


async def run_hooks(event: Event, context: ToolContext, **data: Any) -> None:
    """Run the hooks of an event. Costs nothing when there are none."""
    if not _hooks[event]:
        return
    moment = Moment(event=event, context=context, data=data)
    for hook in tuple(_hooks[event]):
        try:
            async with asyncio.timeout(HOOK_SECONDS):
                await hook(moment)
        except Exception as error:
            log_unknown(error, where=f"{event} hook {getattr(hook, '__qualname__', hook)!r}")
