"""The job that sums the opinions of a week up and shows them to those who run this installation."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone
from msgspec import Meta

from guardrails.types import Role
from runbooks.jobs import JobContext, JobKind, create_job
from runbooks.jobs.actions import SYSTEM
from runbooks.models import Feedback
from sessions_app.cards import put_card
from sessions_app.models import Contact, Session

NAME = "feedback_week"
HOUR, WEEK = 9, timedelta(days=7)
REASONS = 10
REASON_CHARS = 200


class Params(msgspec.Struct, forbid_unknown_fields=True):
    """How many days are summed up. quiet: nothing is shown when nobody said anything."""

    days: Annotated[int, Meta(ge=1, le=92)] = 7
    quiet: bool = True


def run(ctx: JobContext) -> Any:
    """Sum up, and show it in the job's chat, or where it has none in the direct chats of the admins."""
    given = msgspec.convert(ctx.params, Params)
    told = sum_up(days=given.days)
    if told["good"] + told["bad"] or not given.quiet:
        chats = [ctx.job.session_id] if ctx.job.session_id is not None else admin_chats()
        with transaction.atomic():
            for number in chats:
                put_card(f"feedback:{ctx.key}:{number}", session_id=number, kind="feedback", data=told)
    return told


def start_week(now: datetime | None = None) -> str:
    """Have last week summed up once, on Monday from nine o'clock on; return the job's key or "". Safe to call often."""
    now = timezone.localtime(now)
    begin = (now - timedelta(days=now.weekday())).replace(hour=HOUR, minute=0, second=0, microsecond=0)
    if not begin <= now < begin + timedelta(days=1) or not Feedback.objects.filter(at__gte=now - WEEK).exists():
        return ""
    year, week, _day = now.isocalendar()
    return create_job(NAME, actor=SYSTEM, idempotency_key=f"feedback:{year}-{week}", start=True).key


def sum_up(*, days: int) -> dict[str, Any]:
    """Return the opinions of the last days as data: counts by kind of job, and the newest reasons."""
    now = timezone.now()
    rows = Feedback.objects.filter(at__gte=now - timedelta(days=days))
    ups, downs = (Count("pk", filter=Q(good=value)) for value in (True, False))
    kinds = rows.order_by().values("job__kind").annotate(ups=ups, downs=downs).order_by("job__kind")
    counted = [[each["job__kind"], each["ups"], each["downs"]] for each in kinds]
    reasons = rows.exclude(reason="").order_by("-pk").values_list("good", "name", "reason")[:REASONS]
    return {
        "days": days,
        "end": now.isoformat(timespec="seconds"),
        "good": sum(row[1] for row in counted),
        "bad": sum(row[2] for row in counted),
        "kinds": counted,
        "reasons": [[good, name, reason[:REASON_CHARS]] for good, name, reason in reasons],
    }


def admin_chats() -> list[int]:
    """Return the sessions of the direct chats of all admins."""
    people = Contact.objects.filter(role=Role.ADMIN.value, state=Contact.State.APPROVED)
    places = people.values_list("channel_id", "external_id")
    found = [
        Session.objects.filter(channel_id=channel, chat_id=chat, thread_id="", kind=Session.Kind.DIRECT).first()
        for channel, chat in places
    ]
    return [session.pk for session in found if session is not None]


FEEDBACK_WEEK = JobKind(
    name=NAME,
    run=run,
    description="Sums up what people thought of the work of the last days.",
    seconds=60.0,
    role=Role.ADMIN,
    params=Params,
)
