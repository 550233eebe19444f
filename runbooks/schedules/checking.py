"""Whether a schedule can be: every problem by its field, in a sentence that says what to do."""

from __future__ import annotations

from datetime import datetime

from clawsite.core.errors import ClawError
from guardrails.types import Actor
from runbooks.jobs.kinds import find_kind, list_kinds
from runbooks.jobs.values import is_storable, size_of
from runbooks.models import Schedule
from runbooks.schedules.times import BadTimes, check_at, next_due, zone_of

SOURCE_BYTES = 64 * 1024


def find_problems(row: Schedule, *, actor: Actor, now: datetime) -> dict[str, str]:
    """Return what is wrong with a row that somebody wants to save. Puts the parameters' defaults in."""
    problems = _check_name(row) | _check_work(row, actor)
    try:
        zone_of(row)
        check_at(row)
        if next_due(row, after=now) is None and row.enabled:
            field = "at" if row.when == Schedule.When.AT else "cron"
            problems[field] = "That is never, or already over. Give a time to come."
    except BadTimes as error:
        problems[error.field] = str(error)
    return problems


def _check_name(row: Schedule) -> dict[str, str]:
    if not row.name.strip() or not is_storable(row.name) or not is_storable(row.description):
        return {"name": "Give it a name."}
    if Schedule.objects.filter(name=row.name).exclude(pk=row.pk).exists():
        return {"name": "There is a schedule of this name already."}
    if not is_storable(row.source) or size_of(row.source) > SOURCE_BYTES:
        return {"params": f"What is given is longer than {SOURCE_BYTES} bytes or holds characters that cannot be kept."}
    return {}


def _check_work(row: Schedule, actor: Actor) -> dict[str, str]:
    kind = find_kind(row.kind)
    if kind is None:
        return {"kind": f"There is no such kind of job. There are: {', '.join(each.name for each in list_kinds())}."}
    if not actor.is_at_least(kind.role):
        return {"kind": f"Only the role {kind.role.value} and those above it may have this done."}
    if not isinstance(row.params, dict):
        return {"params": 'Parameters are a JSON object such as {"name": "value"}.'}
    try:
        row.params = kind.parse(row.params)
        if kind.check is not None and row.enabled:
            kind.check(row.params, row.owner)
    except ClawError as error:
        return {"params": error.message}
    return {}
