"""May this tool be called now, by this person, with these arguments? What nobody allowed is refused.

The one place that decides on tool calls: the executor asks here before every call, on whatever path the call came.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from guardrails.limits import check_limit
from guardrails.sandbox import has_sandbox
from guardrails.secrets import find_secrets
from guardrails.types import Action, Actor, Role, Stage, Verdict

Effect = Literal["read", "write", "outbound", "destructive"]

MAX_ARGUMENT_BYTES = 256 * 1024
_CHANGES = ("write", "outbound", "destructive")


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolPolicy:
    """What is known of a tool. `effect` is the worst it can do; `per_minute` is for each person (0: no limit)."""

    name: str
    role: Role = Role.OPERATOR
    effect: Effect = "destructive"
    per_minute: int = 30
    needs_sandbox: bool = False


def decide_call(
    spec: ToolPolicy,
    *,
    actor: Actor,
    tainted: bool,
    arguments: Mapping[str, object],
    allowed: Collection[str] | None = None,
) -> Verdict:
    """Return ALLOW, ASK (a person must approve exactly these arguments) or BLOCK for one call.

    `tainted` says that text from outside that looked like an attack is in the context: then whatever writes or sends
    needs a person. `allowed` is the list of tool names that the active skills offer; None stands for no such list.
    """
    refusal = (
        _refuse_actor(spec, actor=actor, allowed=allowed)
        or _refuse_arguments(spec, arguments)
        or _refuse_machine(spec)
        or _refuse_rate(spec, actor=actor)
    )
    if refusal:
        return _verdict(Action.BLOCK, refusal, spec)
    if spec.effect == "destructive":
        return _verdict(Action.ASK, "tool.confirm", spec)
    if tainted and spec.effect in _CHANGES:
        return _verdict(Action.ASK, "tool.tainted", spec)
    return _verdict(Action.ALLOW, "tool.allowed", spec)


def _verdict(action: Action, rule: str, spec: ToolPolicy) -> Verdict:
    return Verdict(action=action, stage=Stage.TOOL_CALL, rule=rule, detail=spec.name)


def _refuse_actor(spec: ToolPolicy, *, actor: Actor, allowed: Collection[str] | None) -> str:
    if allowed is not None and spec.name not in allowed:
        return "tool.not_offered"
    known = actor.is_at_least(Role.VIEWER) and actor.is_at_least(spec.role)
    return "" if known else "tool.role"


def _refuse_arguments(spec: ToolPolicy, arguments: Mapping[str, object]) -> str:
    text = _canonical(arguments)
    if len(text.encode("utf-8", "surrogatepass")) > MAX_ARGUMENT_BYTES:
        return "tool.arguments_size"
    if spec.effect == "outbound" and find_secrets(text):
        return "secret.in_arguments"
    return ""


def _refuse_machine(spec: ToolPolicy) -> str:
    if spec.effect not in ("read", *_CHANGES):
        return "tool.effect"
    return "tool.no_sandbox" if spec.needs_sandbox and not has_sandbox() else ""


def _refuse_rate(spec: ToolPolicy, *, actor: Actor) -> str:
    if not spec.per_minute:
        return ""
    answer = check_limit(f"tool:{spec.name}:{actor.subject}", limit=spec.per_minute, seconds=60)
    return "" if answer.allowed else "tool.rate"


def _canonical(arguments: Mapping[str, object]) -> str:
    return json.dumps(arguments, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def hash_arguments(arguments: Mapping[str, object]) -> str:
    """Return the SHA-256 of the arguments as canonical JSON: equal for equal arguments in any order of keys.

    Raises ValueError for NaN and TypeError for what is not JSON: such arguments cannot be approved.
    """
    return hashlib.sha256(_canonical(arguments).encode("utf-8", "surrogatepass")).hexdigest()
