"""Exactly what a run will do: every step with its parameters in it, nested runbooks unfolded. JSON, made once.

What runs is this plan and never the runbook again, so a runbook that is changed meanwhile changes no run, and a hash
of the plan stands for what people saw and agreed to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from clawsite.core.errors import BadInput, ClawError
from runbooks.books.checks import is_repeatable, read_nested, read_params
from runbooks.books.documents import say_place
from runbooks.books.parameters import read_values
from runbooks.books.spec import Book, BookError, Step, Undo, to_json
from runbooks.books.steps import get_step
from runbooks.books.substitution import Value, fill
from runbooks.models import Run

MAX_DEPTH = 5
MAX_STEPS = 100
TITLE_CHARS = 120
SHOWN_CHARS = 500
# Of the hash, 64 bits: nobody finds another plan with the same ones, and a button has room for them.
SEAL_CHARS = 16

Find = Callable[[str], Book]


class PlanChanged(ClawError):
    """What would run now is not what somebody was shown and said yes to."""

    code = "plan_changed"


def make_plan(book: Book, values: Mapping[str, Value], *, find: Find) -> list[dict[str, Any]]:
    """Return the steps as they will be done. `find` gives a nested runbook, or raises when it must not be run."""
    plan = _unfold(book, values, find, (book.name,))
    if len(plan) > MAX_STEPS:
        raise BadInput(
            _("With its nested runbooks {name} has {count} steps; at most {most} are run.").format(
                name=book.name, count=len(plan), most=MAX_STEPS
            )
        )
    for step in plan:
        if book.rollback_on_cancel and step["rollback"]:
            step["rollback"]["on_cancel"] = True
    return plan


def _unfold(book: Book, values: Mapping[str, Value], find: Find, path: tuple[str, ...]) -> list[dict[str, Any]]:
    plan: list[dict[str, Any]] = []
    for number, step in enumerate(book.steps):
        try:
            plan += _nested(step, values, find, path) if step.kind == "runbook" else [_plan_step(step, values)]
        except BookError as error:
            placed = BookError(error.message, ("steps", number, *error.place))
            raise BadInput(f"{book.name}, {say_place(placed, to_json(book))}") from None
    return plan


def _nested(step: Step, values: Mapping[str, Value], find: Find, path: tuple[str, ...]) -> list[dict[str, Any]]:
    nested = read_nested(step, values)
    if nested.name in path or len(path) >= MAX_DEPTH:
        raise BookError(f"runbooks call each other in a circle or too deep: {' > '.join((*path, nested.name))}")
    inner = find(nested.name)
    title = fill(step.title, values)
    rows = _unfold(inner, read_values(inner.parameters, nested.parameters), find, (*path, inner.name))
    return [row | {"title": f"{title}: {row['title']}"[:TITLE_CHARS]} for row in rows]


def _plan_step(step: Step | Undo, values: Mapping[str, Value]) -> dict[str, Any]:
    given = read_params(get_step(step.kind), step, values)
    planned = plan_step(
        step.kind,
        given,
        title=fill(step.title, values),
        timeout=step.timeout,
        retries=step.retries,
        pause=step.pause,
        repeatable=is_repeatable(get_step(step.kind), given, step),
        host=step.host,
    )
    if isinstance(step, Step):
        rollback = _plan_step(step.rollback, values) if step.rollback is not None else None
        planned |= {"on_failure": step.on_failure, "rollback": rollback}
    return planned


def plan_step(
    name: str,
    given: msgspec.Struct,
    *,
    title: str,
    timeout: float,
    retries: int = 0,
    pause: float = 2.0,
    repeatable: bool | None = None,
    host: Sequence[str] = (),
    on_failure: str = "rollback",
    rollback: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return one step of a plan: a kind with its parameters, which are taken as they are. For plans of other work, too.

    repeatable: as the kind has it unless said. A `rollback` is a step of this shape itself.
    """
    kind = get_step(name)
    return {
        "title": title[:TITLE_CHARS],
        "kind": name,
        "with": msgspec.to_builtins(given),
        "shown": _shown(kind.describe(given)),
        "timeout": timeout if kind.seconds is None else max(timeout, kind.seconds(given) + timeout),
        "retries": retries,
        "pause": pause,
        "repeatable": kind.repeatable(given) if repeatable is None else repeatable,
        "host": list(host),
        "on_failure": on_failure,
        "rollback": rollback,
    }


def _shown(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 1]}…"


def digest_of(run: Run, start: int = 0) -> str:
    """Return the hash of what a run does from a step on: this very run, its target, parameters and steps."""
    return digest([run.job_id, run.name, run.version, run.target, run.parameters, run.dry_run, run.plan[start:]])


def seal_of(name: str, version: int, target: str, values: Mapping[str, Any], plan: Sequence[Any]) -> str:
    """Return the seal of what would run: the same until the runbook, its target, a value or a step is another."""
    return digest([name, version, target, dict(values), list(plan)])[:SEAL_CHARS]


def digest(parts: Sequence[Any]) -> str:
    """Return the hash of JSON values, whatever the order of their keys."""
    return hashlib.sha256(msgspec.json.encode(list(parts), order="deterministic")).hexdigest()
