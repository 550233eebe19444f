"""Asking Prometheus, and checking that a value is as it must be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from clawsite.core.errors import BadInput
from runbooks.books.spec import BookError
from runbooks.books.steps.base import StepContext, StepFailed, StepKind
from runbooks.books.steps.conditions import Condition, check_condition, holds
from runbooks.books.steps.http import find_system
from runbooks.models import MonitoredSystem, NamedQuery
from runbooks.sources import prometheus

SHOWN = 10


class Prometheus(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is asked of which system's Prometheus: an expression, or a query that was named in the admin.

    series: whether the condition must hold for all series or for any; without any series it never holds.
    """

    system: Annotated[str, Meta(min_length=1, max_length=64)]
    query: Annotated[str, Meta(max_length=4000)] = ""
    named: Annotated[str, Meta(max_length=64)] = ""
    op: Literal["==", "!=", ">", ">=", "<", "<="]
    value: float
    series: Literal["all", "any"] = "all"


def run(ctx: StepContext, given: Prometheus) -> str:
    """Ask once."""
    system = find_system(given.system)
    samples = prometheus.query(system, _promql(system, given))
    for sample in samples[:SHOWN]:
        labels = ", ".join(f"{name}={value}" for name, value in sample.labels.items())
        ctx.say(f"{labels or 'value'}: {sample.value:g}\n")
    if not samples:
        raise StepFailed("There is no such series.")
    condition = Condition(op=given.op, value=given.value)
    kept = [holds(sample.value, condition) for sample in samples]
    if not (all(kept) if given.series == "all" else any(kept)):
        worst = samples[kept.index(False)].value
        raise StepFailed(f"The value is {worst:g}, not {condition.words}.")
    return f"{samples[0].value:g}" if len(samples) == 1 else ""


def _promql(system: MonitoredSystem, given: Prometheus) -> str:
    if given.query:
        return given.query
    row = NamedQuery.objects.filter(system=system, name=given.named).first()
    if row is None:
        raise BadInput(f"The system {system.name} has no query named {given.named[:64]!r}.")
    return row.promql


def check(given: Prometheus, step: Mapping[str, Any]) -> None:
    """One question, and a condition that can hold."""
    if bool(given.query) == bool(given.named):
        raise BookError("give either query or named", ("with",))
    check_condition(Condition(op=given.op, value=given.value), ("with",))


def describe(given: Prometheus) -> str:
    """Show the question and the condition."""
    return f"{given.system}: {given.query or given.named} {given.op} {given.value:g}"


PROMETHEUS = StepKind(name="prometheus", params=Prometheus, run=run, describe=describe, check=check)
