"""How many tokens each layer may spend. Pure: sizes in, sizes out, and a line for everything that was trimmed.

Invariants: a layer never gets more than its budget; the message being answered and core are never cut; when the
window is too small, layers give way from the highest priority number down, each one compressed before it is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

ANSWER_RESERVE = 4096
TOOLS_RESERVE = 4000
# A layer that would keep less than this is dropped: half a sentence helps nobody.
LEAST_USEFUL = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Want:
    """What a layer would like to say: its size in tokens and its cap. `fixed` layers are never cut."""

    key: str
    priority: int
    budget: int
    tokens: int
    fixed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Trim:
    """Something that was cut. reason: `budget` (the layer's own cap) or `window` (the whole prompt was too long)."""

    key: str
    wanted: int
    kept: int
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Tokens allowed by layer, what was trimmed, and whether it all fits the window (`fits`)."""

    allowed: Mapping[str, int]
    trims: tuple[Trim, ...] = ()
    available: int = 0
    fits: bool = True
    over_budget: tuple[str, ...] = field(default=())


def plan_budget(
    wants: Sequence[Want],
    *,
    window: int,
    message_tokens: int,
    answer_reserve: int = ANSWER_RESERVE,
    tools_reserve: int = TOOLS_RESERVE,
) -> Plan:
    """Share the window out. `message_tokens` is the message being answered (and whatever else must go in whole).

    `over_budget` names fixed layers that are larger than their own cap: they stay whole, and a person should know.
    """
    available = max(0, window - answer_reserve - tools_reserve - message_tokens)
    allowed = {want.key: want.tokens if want.fixed else min(want.tokens, max(0, want.budget)) for want in wants}
    capped = dict(allowed)
    excess = sum(allowed.values()) - available
    for want in sorted(wants, key=lambda each: each.priority, reverse=True):
        if excess <= 0:
            break
        if not want.fixed:
            excess -= _give_way(allowed, want.key, excess)
    return Plan(
        allowed=allowed,
        trims=tuple(_trims(wants, capped=capped, allowed=allowed)),
        available=available,
        fits=excess <= 0 and window >= answer_reserve + tools_reserve + message_tokens,
        over_budget=tuple(want.key for want in wants if want.fixed and want.tokens > want.budget),
    )


def _give_way(allowed: dict[str, int], key: str, excess: int) -> int:
    """Shrink one layer by `excess`, or drop it when too little would be left; return what that frees."""
    before = allowed[key]
    rest = before - excess
    allowed[key] = rest if rest >= LEAST_USEFUL else 0
    return before - allowed[key]


def _trims(wants: Sequence[Want], *, capped: Mapping[str, int], allowed: Mapping[str, int]) -> list[Trim]:
    trims = []
    for want in wants:
        kept = allowed[want.key]
        if kept < want.tokens:
            reason = "window" if kept < capped[want.key] else "budget"
            trims.append(Trim(key=want.key, wanted=want.tokens, kept=kept, reason=reason))
    return trims
