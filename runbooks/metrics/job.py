"""The job that shows a metric in a chat: reads its course, draws it, and puts a card with the numbers and the picture.

Run twice it changes the same card and writes the same file. What cannot be read is told on the card.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from django.conf import settings
from django.db import transaction
from django.utils import translation
from msgspec import Meta

from clawsite.core import flags
from clawsite.core.errors import BadInput, ClawError
from clawsite.core.features import CHARTS
from clawsite.core.zones import is_time_zone
from guardrails.types import Actor, Role
from runbooks.charts import Chart, Line, Span, draw, save_chart
from runbooks.jobs import JobContext, JobKind, create_job
from runbooks.jobs.working import patiently
from runbooks.metrics.course import MOST_SERIES, Course, read_courses, step_for
from runbooks.models import Anomaly, Job, NamedQuery
from sessions_app.cards import put_card
from sessions_app.languages import find_language

NAME = "metrics"
LONGEST = 31 * 86_400.0
LEAST = 60.0


class Params(msgspec.Struct, forbid_unknown_fields=True):
    """The query's number, from when to when (seconds since 1970), the zone of the picture's clock, the language."""

    query: Annotated[int, Meta(ge=1)]
    start: Annotated[float, Meta(ge=0, le=1e11)]
    end: Annotated[float, Meta(ge=0, le=1e11)]
    zone: Annotated[str, Meta(max_length=64)] = ""
    language: Annotated[str, Meta(max_length=16)] = ""


def ask_metric(query: NamedQuery, *, start: datetime, end: datetime, zone: str, actor: Actor, session_id: int) -> Job:
    """Have a metric shown in a session, in the language that is active now. In the transaction of its cause."""
    params = {
        "query": query.pk, "start": start.timestamp(), "end": end.timestamp(), "zone": zone,
        "language": find_language(translation.get_language() or "") or "",
    }  # fmt: skip
    return create_job(NAME, params=params, actor=actor, session_id=session_id, start=True)


def card_key(job_key: str) -> str:
    """Return the name of the card of a job."""
    return f"metrics:{job_key}"


def run(ctx: JobContext) -> Any:
    """Read, draw, show; return the numbers."""
    given = msgspec.convert(ctx.params, Params)
    if not LEAST <= given.end - given.start <= LONGEST:
        raise BadInput("A period can be from one minute to 31 days long.")
    query = NamedQuery.objects.filter(pk=given.query, system__enabled=True).select_related("system").first()
    if query is None:
        raise BadInput("There is no such metric any more.")
    told = _tell(query, given, ctx.job)
    ctx.check()
    session_id = ctx.job.session_id
    if session_id is not None:
        patiently(lambda: _show(ctx.key, session_id, told))
    return told


def tell_end(job: Job) -> None:
    """Say in the chat that waits for a metric that there will be none. In the transaction that ends the job."""
    if job.session_id is None or job.state == Job.State.SUCCEEDED:
        return
    given = msgspec.convert(job.params, Params)
    query = NamedQuery.objects.filter(pk=given.query).select_related("system").first()
    told = _head(query, given) | {"failed": str(job.state), "error": job.error}
    put_card(card_key(job.key), kind=NAME, data=told, session_id=job.session_id)


def _show(key: str, session_id: int, told: dict[str, Any]) -> None:
    with transaction.atomic():
        put_card(card_key(key), kind=NAME, data=told, session_id=session_id)


def _tell(query: NamedQuery, given: Params, job: Job) -> dict[str, Any]:
    told = _head(query, given)
    try:
        with translation.override(find_language(given.language) or settings.LANGUAGE_CODE):
            courses = read_courses(query, given.start, given.end)
    except ClawError as error:
        return told | {"error": error.message}
    if not courses:
        return told
    drawn = flags.is_on(CHARTS.name, person=job.owner, channel=job.session.channel.name if job.session else "")
    return told | {
        "series": [_series(course, given) for course in courses[:MOST_SERIES]],
        "more": max(0, len(courses) - MOST_SERIES),
        "file": save_chart(job.key, draw(_chart(query, given, courses[:MOST_SERIES]))) if drawn else "",
    }


def _series(course: Course, given: Params) -> dict[str, Any]:
    """Return the numbers of one series, and `at`, when the last value is of, where that is not lately."""
    since = course.silent_since(given.end, step=step_for(given.end - given.start))
    return {"name": course.name, **course.numbers(), "at": "" if since is None else _moment(since)}


def _head(query: NamedQuery | None, given: Params) -> dict[str, Any]:
    """Return what is known before anything was read."""
    return {
        "query": given.query, "title": str(query or ""), "system": str(query.system) if query else "",
        "unit": query.unit if query else "", "start": _moment(given.start), "end": _moment(given.end),
        "series": [], "more": 0, "file": "", "error": "",
    }  # fmt: skip


def _chart(query: NamedQuery, given: Params, courses: list[Course]) -> Chart:
    """With several lines, those of the period before would only be in the way."""
    zone = ZoneInfo(given.zone if is_time_zone(given.zone) else settings.TIME_ZONE)
    start, end = _moment(given.start), _moment(given.end)
    rows = Anomaly.objects.between(datetime.fromisoformat(start), datetime.fromisoformat(end))
    found = rows.filter(system=query.system_id, query=query.name)
    return Chart(
        title=query.name,
        unit=query.unit,
        start=given.start,
        end=given.end,
        zone=zone,
        lines=[Line(points=course.points, name=course.name) for course in courses],
        before=[Line(points=courses[0].before)] if len(courses) == 1 else [],
        spans=[Span(start=row.started_at.timestamp(), end=(row.ended_at or row.seen_at).timestamp()) for row in found],
    )


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


METRICS = JobKind(
    name=NAME,
    run=run,
    description="Shows the value, the change and the chart of a named query.",
    seconds=120,
    role=Role.VIEWER,
    params=Params,
    ended=tell_end,
)
