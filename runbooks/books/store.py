"""Runbooks as rows. Rows and YAML are the same value (`spec.Book`); a change is one transaction with its audit row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from clawsite.core import audit
from clawsite.core.errors import BadInput, NotAllowed
from guardrails.types import Actor, Role
from runbooks.books.checks import check_book, check_host
from runbooks.books.documents import say_place
from runbooks.books.spec import Book, BookError, Parameter, Step, convert_book, to_json
from runbooks.models import Runbook, RunbookStep

_OF_STEP = ("title", "kind", "timeout", "retries", "pause", "repeatable", "host", "on_failure")
_OF_BOOK = ("title", "description", "enabled", "role", "target", "labels", "rollback_on_cancel")


def to_book(row: Runbook, steps: list[RunbookStep] | None = None) -> Book:
    """Return a runbook's rows as a value; BookError when somebody broke them."""
    rows = list(row.steps.order_by("position", "id")) if steps is None else steps
    return convert_book(to_value(row, rows))


def to_value(row: Runbook, steps: list[RunbookStep]) -> dict[str, Any]:
    """Return a runbook's rows as JSON, unchecked."""
    return {
        "name": row.name,
        **{name: getattr(row, name) for name in _OF_BOOK},
        "parameters": row.parameters,
        "steps": [
            {name: getattr(step, name) for name in _OF_STEP}
            | {"with": step.settings, "rollback": step.rollback or None}
            for step in steps
        ],
    }


def check_saved(row: Runbook, steps: list[RunbookStep], before: Book | None, *, actor: Actor) -> Book:
    """Return the value of rows that are about to be saved; BadInput or NotAllowed when they must not be."""
    value = to_value(row, steps)
    try:
        book = convert_book(value)
        check_book(book)
    except BookError as error:
        raise BadInput(say_place(error, value)) from None
    check_host(book, before, actor=actor)
    return book


def save_book(book: Book, *, actor: Actor, origin: str = "") -> Runbook:
    """Write a runbook over the one of its name, or as a new one. The same again changes nothing.

    Raises BadInput for one that makes no sense, NotAllowed for what only an admin may have run.
    """
    if not actor.is_at_least(Role.OPERATOR):
        raise NotAllowed("Only operators and admins may write runbooks.")
    try:
        check_book(book)
    except BookError as error:
        raise BadInput(say_place(error, to_json(book))) from None
    with transaction.atomic():
        row = Runbook.objects.select_for_update().filter(name=book.name).first()
        before = _whole(row)
        check_host(book, before, actor=actor)
        if before == book and row is not None:
            return row
        action = "runbook.change" if row is not None else "runbook.create"
        row = _write(row or Runbook(name=book.name, version=0), book)
        audit.record(action, actor=actor.subject, subject=row.ref, origin=origin, version=row.version)
    return row


def _whole(row: Runbook | None) -> Book | None:
    """Return what a row says now, None where there is no row or it is broken."""
    try:
        return to_book(row) if row is not None else None
    except BookError:
        return None


def _write(row: Runbook, book: Book) -> Runbook:
    for name in _OF_BOOK:
        setattr(row, name, getattr(book, name))
    row.parameters = [to_json(each) for each in book.parameters]
    row.version += 1
    row.save()
    row.steps.all().delete()
    RunbookStep.objects.bulk_create(_to_row(row, number, step) for number, step in enumerate(book.steps, start=1))
    return row


def _to_row(row: Runbook, number: int, step: Step) -> RunbookStep:
    values = {name: getattr(step, name) for name in _OF_STEP}
    rollback = to_json(step.rollback) if step.rollback is not None else None
    return RunbookStep(runbook=row, position=number, settings=step.with_, rollback=rollback, **values)


def find_runbook(name: str) -> Runbook | None:
    """Return the runbook of this name in any usual spelling (Restart API, restart_api), or None."""
    wanted = "-".join(name.strip().lower().replace("_", "-").split())[:64]
    rows = list(Runbook.objects.filter(name__in={wanted, wanted.replace("-", "_"), name.strip()[:64]}))
    return min(rows, key=lambda row: row.name != wanted, default=None)


def list_runbooks(*, only_enabled: bool = False) -> list[Runbook]:
    """Return all runbooks by name."""
    rows = Runbook.objects.order_by("name")
    return list(rows.filter(enabled=True) if only_enabled else rows)


def matching(labels: Mapping[str, str]) -> list[Runbook]:
    """Return the runbooks whose labels an alert carries, the most exact ones first. One without labels fits none."""
    rows = [
        row for row in list_runbooks(only_enabled=True) if row.labels and row.labels.items() <= dict(labels).items()
    ]
    return sorted(rows, key=lambda row: -len(row.labels))


def parameters_of(row: Runbook) -> list[Parameter]:
    """Return what a runbook is given when it runs."""
    return to_book(row).parameters
