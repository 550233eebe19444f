"""Whether a runbook makes sense as a whole. What is wrong is said with its place; the first mistake is enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from clawsite.core.errors import NotAllowed
from guardrails.types import Actor, Role
from runbooks.books.parameters import check_parameter, sample
from runbooks.books.spec import Book, BookError, Parameter, Place, Step, Undo, to_book_error, to_json
from runbooks.books.steps import StepKind, get_step
from runbooks.books.substitution import Value, fill, find_name, render

# A name that commands use themselves.
RESERVED = frozenset({"group", "dry", "run"})
# All steps with all their tries, waits and approvals left out: within the time of one stretch of a job. What a nested
# runbook takes is checked there; a run that has too little time left for a step goes on with it in another stretch.
MAX_SECONDS = 3 * 3600.0


class Nested(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which runbook is run as a step, and with which parameters."""

    name: str
    parameters: dict[str, str | int | float | bool] = {}


def check_book(book: Book) -> None:
    """Raise BookError when something in it contradicts something else."""
    values = _check_parameters(book)
    _placed(lambda: fill(book.target, values), ("target",))
    seconds = 0.0
    for number, step in enumerate(book.steps):
        place: Place = ("steps", number)
        seconds += _check_step(step, values, place)
        if step.rollback is not None:
            seconds += _check_step(step.rollback, values, (*place, "rollback"))
    if seconds > MAX_SECONDS:
        raise BookError(
            f"all timeouts and tries together are {seconds / 3600:.1f} hours; at most {MAX_SECONDS / 3600:g} fit",
            ("steps",),
        )


def _check_parameters(book: Book) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for number, parameter in enumerate(book.parameters):
        place: Place = ("parameters", number)
        if parameter.name in values or parameter.name in RESERVED:
            raise BookError(f"the name {parameter.name!r} is taken", (*place, "name"))
        _placed(lambda each=parameter: check_parameter(each), place)
        values[parameter.name] = sample(parameter)
    return values


def _check_step(step: Step | Undo, values: Mapping[str, Value], place: Place) -> float:
    """Check one step and return how long it may take."""
    _placed(lambda: fill(step.title, values), (*place, "title"))
    if step.host and step.kind != "command":
        raise BookError("only a command runs on the host", (*place, "host"))
    if step.kind == "runbook":
        _placed(lambda: read_nested(step, values), place)
        if getattr(step, "rollback", None) is not None or step.retries:
            raise BookError("a nested runbook brings its own rollbacks and tries", place)
        return 0.0
    kind = get_step(step.kind)
    given = _placed(lambda: read_params(kind, step, values), place)
    _placed(lambda: kind.check(given, to_json(step)), place)
    if step.retries and not is_repeatable(kind, given, step):
        raise BookError(
            "what is not repeatable is tried once: say repeatable: true, or retries: 0", (*place, "retries")
        )
    if kind.seconds is not None:
        return 0.0
    return step.timeout * (step.retries + 1) + step.pause * step.retries


def read_params(kind: StepKind, step: Step | Undo, values: Mapping[str, Value]) -> Any:
    """Return what a step does with these values; BookError where the shape is wrong."""
    made = {
        key: fill(value, values, ("with", key))
        if key in kind.texts and isinstance(value, str)
        else render(value, values, ("with", key))
        for key, value in step.with_.items()
    }
    try:
        return msgspec.convert(made, kind.params)
    except msgspec.ValidationError as error:
        raise to_book_error(error, ("with",)) from None


def read_nested(step: Step | Undo, values: Mapping[str, Value]) -> Nested:
    """Return which runbook a step stands for."""
    try:
        return msgspec.convert(render(step.with_, values, ("with",)), Nested)
    except msgspec.ValidationError as error:
        raise to_book_error(error, ("with",)) from None


def is_repeatable(kind: StepKind, given: Any, step: Step | Undo) -> bool:
    """Tell whether a step may be done again after a failure or a crash."""
    return kind.repeatable(given) if step.repeatable is None else step.repeatable


def check_host(book: Book, before: Book | None, *, actor: Actor) -> None:
    """Raise NotAllowed unless an admin is who changes what only admins may run, or what is run on the host.

    A step on the host stays what an admin made of it with all that keeps it in bounds: what it can be given, who may
    run it, and the approvals that it waits for.
    """
    if actor.is_at_least(Role.ADMIN):
        return
    if before is not None and before != book and before.role == "admin":
        raise NotAllowed("Only an admin may change a runbook that only admins may run.")
    known = _hosted(before) if before is not None else {}
    for key, title in _hosted(book).items():
        if key not in known:
            raise NotAllowed(f"Only an admin may have a step run on the host, or change its bounds ({title}).")


def _hosted(book: Book) -> dict[bytes, str]:
    """Return the title of each command on the host by all that says what it does, with what, when and for whom."""
    found: dict[bytes, str] = {}
    approvals: list[Any] = []
    for step in book.steps:
        if step.kind == "approval":
            approvals.append([step.with_, step.on_failure])
        for each in (step, step.rollback):
            if each is not None and each.host:
                does = {name: value for name, value in to_json(each).items() if name not in ("title", "rollback")}
                undoes = [isinstance(each, Undo), isinstance(each, Undo) and book.rollback_on_cancel]
                key = [does, undoes, book.role, approvals, _given(each, book.parameters)]
                found[msgspec.json.encode(key, order="sorted")] = each.title
    return found


def _given(step: Step | Undo, parameters: list[Parameter]) -> list[dict[str, Any]]:
    """Return the declarations of the parameters that a step may be given."""
    used: set[str] = set()
    _names(step.with_, used)
    return [to_json(each) for each in parameters if each.name in used]


def _names(value: Any, found: set[str]) -> None:
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _names(each, found)
    if isinstance(value, str) and (name := find_name(value)):
        found.add(name)


def _placed(work: Any, place: Place) -> Any:
    """Do something, and put the place in front of where it fails."""
    try:
        return work()
    except BookError as error:
        raise BookError(error.message, (*place, *error.place)) from None
