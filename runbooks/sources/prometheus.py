"""Questions to a system's Prometheus: the value of an expression now, or its course over a time.

Its stable HTTP API, version 1. Numbers may be NaN or infinite, as Prometheus has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import msgspec
from django.utils.translation import gettext as _

from clawsite.core.errors import BadInput
from guardrails.http import Reply
from runbooks.models import MonitoredSystem
from runbooks.sources.client import ask, check_status

T = TypeVar("T")

SOURCE = "prometheus"
MOST_POINTS = 11_000  # Prometheus answers no more in one series
QUERY = "/api/v1/query"
_MOST_ERROR = 200

Labels = dict[str, str]
Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """A value of one series at one moment (seconds since 1970)."""

    labels: Labels
    value: float
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """The values of one series, in order: (seconds since 1970, value)."""

    labels: Labels
    points: list[Point]


class _Row(msgspec.Struct):
    metric: Labels = {}
    value: tuple[float, str] = (0.0, "NaN")
    values: list[tuple[float, str]] = []


class _Data(msgspec.Struct, rename="camel"):
    result_type: str
    result: msgspec.Raw


class _Answer(msgspec.Struct):
    status: str
    data: _Data | msgspec.UnsetType = msgspec.UNSET
    error: str = ""


def query(system: MonitoredSystem, promql: str, at: datetime | None = None) -> list[Sample]:
    """Return the value of an expression now or at a time: one sample for each series, one without labels for a number.

    Raises BadInput with what Prometheus says of a wrong expression, Unavailable when it does not answer.
    """
    form = {"query": promql} | ({"time": f"{at.timestamp():.3f}"} if at else {})
    return parse_samples(ask(system, SOURCE, QUERY, form=form))


def parse_samples(reply: Reply) -> list[Sample]:
    """Return the samples that an answer to a query tells; BadInput when it is none."""
    data = _data(reply)
    if data.result_type in ("scalar", "string"):
        moment, value = _decode(data.result, tuple[float, str])
        return [Sample(labels={}, value=_number(value), at=moment)]
    if data.result_type != "vector":
        raise BadInput(_("The expression is a range of values; ask for one value of it, such as its rate."))
    rows = _decode(data.result, list[_Row])
    return [Sample(labels=row.metric, value=_number(row.value[1]), at=row.value[0]) for row in rows]


def query_range(
    system: MonitoredSystem, promql: str, start: datetime, end: datetime, step_seconds: float
) -> list[Series]:
    """Return the values of an expression from start to end, one for each step; BadInput beyond 11,000 steps."""
    if step_seconds <= 0 or end < start or (end - start).total_seconds() / step_seconds > MOST_POINTS:
        raise BadInput(
            _("A course has at most {count} steps, from the earlier time to the later one.").format(count=MOST_POINTS)
        )
    form = {
        "query": promql,
        "start": f"{start.timestamp():.3f}",
        "end": f"{end.timestamp():.3f}",
        "step": f"{step_seconds:g}",
    }
    rows = _decode(_data(ask(system, SOURCE, "/api/v1/query_range", form=form)).result, list[_Row])
    return [Series(labels=row.metric, points=[(at, _number(value)) for at, value in row.values]) for row in rows]


def _data(reply: Reply) -> _Data:
    """Return what was answered; an error of Prometheus is JSON too and says what is wrong."""
    try:
        answer = msgspec.json.decode(reply.body, type=_Answer)
    except msgspec.MsgspecError:
        check_status(reply, SOURCE)
        raise BadInput(_("What answers there is not Prometheus.")) from None
    if answer.status != "success" or answer.data is msgspec.UNSET:
        raise BadInput(_("Prometheus does not take this expression: {error}").format(error=answer.error[:_MOST_ERROR]))
    return answer.data


def _decode(raw: msgspec.Raw, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.MsgspecError:
        raise BadInput(_("What answers there is not Prometheus.")) from None


def _number(text: str) -> float:
    try:
        return float(text)  # "NaN", "+Inf" and "-Inf" too
    except ValueError:
        raise BadInput(_("The value of the expression is no number.")) from None
