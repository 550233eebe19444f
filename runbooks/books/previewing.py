"""What a run would do if it were started now, and the seal of exactly that, which a start can be held to.

Whoever says yes to a preview says yes to its seal: `start_run(seal=...)` starts that and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from guardrails.types import Actor
from runbooks.books.plan import seal_of
from runbooks.books.starting import check_actor, get_runbook, read_run, target_of
from runbooks.models import Runbook


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """What a runbook would do with these values. Each step of `plan` has its `title`, `shown` and `rollback`."""

    runbook: Runbook
    target: str
    values: Mapping[str, Any]
    plan: Sequence[Mapping[str, Any]]
    seal: str


def preview_run(name: str, params: Mapping[str, Any], *, actor: Actor, group_id: int | None = None) -> Preview:
    """Return what would run; refuses what starting it would refuse, except for a target that is taken now."""
    row = get_runbook(name)
    check_actor(row, actor)
    book, values, plan = read_run(row, params, actor=actor, group_id=group_id)
    target = target_of(book, values)
    seal = seal_of(row.name, row.version, target, values, plan)
    return Preview(runbook=row, target=target, values=values, plan=plan, seal=seal)
