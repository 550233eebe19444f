"""Requests for a decision on a run: made with the job's pause, shown in its chat, and taken up when decided.

Invariant: a request is bound to the hash of all that the run still does; whoever goes on compares it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db.models import OuterRef, Q, Subquery

from clawsite.core.models import User
from guardrails import approvals
from guardrails.models import Approval
from guardrails.types import Role
from runbooks.jobs import resume_job
from runbooks.models import Run, Schedule
from sessions_app.cards import put_card
from sessions_app.channels import GATEWAY, channels_of
from sessions_app.models import Contact, Session

if TYPE_CHECKING:
    from runbooks.books.steps.approval import Approval as Step
    from runbooks.books.steps.base import StepContext

KIND = "runbook"
SHOWN_STEPS = 20
LINE_CHARS = 300


def find_requests(run: Run, place: str) -> list[Approval]:
    """Return what a step has asked for so far, in order."""
    rows = Approval.objects.filter(kind=KIND, session_ref=ref_of(run), data__run=run.pk, data__place=place)
    return list(rows.order_by("pk"))


def ask(ctx: StepContext, given: Step, agreed: Sequence[Approval]) -> Approval:
    """Ask for one more decision; those who agreed already are not asked again. Part of the pause's transaction."""
    run = ctx.run
    approval = approvals.create_approval(
        KIND,
        subject_hash=ctx.digest,
        summary=_summary(ctx, given),
        requested_by=run.requested_by,
        allowed=[*given.people, *_persons(given.people)],
        role=Role.ADMIN if given.people else Role(given.role),
        session_ref=ref_of(run),
        data={
            "run": run.pk,
            "place": ctx.place,
            "number": len(agreed) + 1,
            "count": given.count,
            "no_self": given.no_self,
            "not_by": sorted(_had_their_say(run, given, agreed)),
            "card": True,
        },
        seconds=given.minutes * 60,
    )
    show_request(approval, session_id=run.session_id)
    return approval


def take_up(approval: Approval) -> None:
    """Have the run go on after a decision, whichever it was. Called in the transaction that decided."""
    run = Run.objects.select_related("job").filter(pk=approval.data.get("run")).first()
    if run is None:
        return
    show_request(approval, session_id=run.session_id)
    resume_job(run.job_id, note={"approval": approval.state, "by": approval.decided_by})


def withdraw_requests(run: Run, *, actor: str) -> None:
    """Take back what a run that is over still asks for. Part of the caller's transaction."""
    waiting = list(Approval.objects.filter(kind=KIND, session_ref=ref_of(run), data__run=run.pk, state="waiting"))
    approvals.withdraw(KIND, actor=actor, run=run.pk)
    for approval in waiting:
        approval.refresh_from_db()
        show_request(approval, session_id=run.session_id)


def show_request(approval: Approval, *, session_id: int | None) -> None:
    """Show a request, as it stands, in the chat it came from and to each person who is named as deciding.

    Its data may say which decision of how many it is (`number`, `count`).
    """
    data = {
        "key": approval.key,
        "summary": approval.summary,
        "state": approval.state,
        "by": name_of(approval.decided_by),
        "number": approval.data.get("number", 1),
        "count": approval.data.get("count", 1),
        "expires_at": approval.expires_at.isoformat(),
    }
    for chat in dict.fromkeys([session_id, *_chats_of(approval.allowed)]):
        if chat is not None:
            place = "" if chat == session_id else f":{chat}"
            put_card(f"approval:{approval.key}{place}", session_id=chat, kind="approval", data=data)


def _chats_of(people: Sequence[str]) -> list[int]:
    """Return the sessions of the direct chats of people, as far as they have any."""
    wanted = Q(pk__in=_numbers(people, "contact")) | Q(user_id__in=_numbers(people, "user"))
    contacts = Contact.objects.filter(wanted, state=Contact.State.APPROVED)
    own = Session.objects.filter(
        kind=Session.Kind.DIRECT, channel=OuterRef("channel"), chat_id=OuterRef("external_id"), thread_id=""
    )
    found = contacts.annotate(chat=Subquery(own.values("pk")[:1])).filter(chat__isnull=False)
    return [int(row.chat) for row in found.order_by("pk")]


def _had_their_say(run: Run, given: Step, agreed: Sequence[Approval]) -> set[str]:
    """Return all names of the people who may not decide this one, as far as they are known now."""
    people = [request.decided_by for request in agreed] + ([run.requested_by] if given.no_self else [])
    return set().union(*map(names_of, people))


def find_self(run: Run, given: Step, agreed: Sequence[Approval]) -> str:
    """Return who decided what they may not: what they started themselves, or a second time; "" when nobody did.

    Asked again after the decision: who is one person over a program and in a chat may only now be known.
    """
    seen = names_of(run.requested_by) if given.no_self else set()
    for request in agreed:
        names = names_of(request.decided_by)
        if names & seen:
            return request.decided_by
        seen |= names
    return ""


def names_of(subject: str) -> set[str]:
    """Return all subjects by which a person acts: as a user, as each of their contacts, as the owner of a token."""
    known = Q(pk__in=_numbers([subject], "contact")) | Q(user_id__in=_numbers([subject], "user"))
    token = Q(channel__in=channels_of(GATEWAY), external_id=subject)
    rows = Contact.objects.select_related("channel").filter(known | token)
    names = {subject}
    for row in rows:
        names |= {row.subject, row.person} | ({row.external_id} if row.channel.kind == GATEWAY else set())
    return names


def _numbers(people: Sequence[str], kind: str) -> list[int]:
    named = (subject.partition(":") for subject in people)
    return [int(number) for each, _, number in named if each == kind and number.isdecimal()]


def _persons(people: Sequence[str]) -> list[str]:
    """Return by which subjects the contacts among people act: one that is linked acts as its user."""
    return [row.person for row in Contact.objects.filter(pk__in=_numbers(people, "contact"))]


def name_of(subject: str) -> str:
    """Return the name of a person, or of a schedule, by their subject; or the subject itself."""
    kind, _, number = subject.partition(":")
    if not number.isdecimal():
        return subject
    if kind == "schedule":
        return next((row.name for row in Schedule.objects.filter(pk=int(number))), subject)
    if kind == "contact":
        return next((str(row) for row in Contact.objects.filter(pk=int(number))), subject)
    if kind == "user":
        return next((row.get_username() for row in User.objects.filter(pk=int(number))), subject)
    return subject


def _summary(ctx: StepContext, given: Step) -> str:
    """Return what the deciding person reads: the run, its parameters, and everything that still happens."""
    run = ctx.run
    first = int(ctx.place.partition(":")[2]) + 1
    steps = [f"{number + 1}. {step['title']}: {step['shown']}" for number, step in enumerate(run.plan)][first:]
    more = [f"… ({len(steps) - SHOWN_STEPS})"] if len(steps) > SHOWN_STEPS else []
    values = [_visible(f"{name} = {value}") for name, value in run.parameters.items()]
    head = [f"{run.title} ({run.name} v{run.version})", *values, *([given.text] if given.text else [])]
    return "\n".join([*head, "", *(shorten_line(each) for each in steps[:SHOWN_STEPS]), *more])


def shorten_line(line: str) -> str:
    """Return a line as a person who decides may read it: one that tells when there is more of it, or what is not seen.

    All of it is on the page of the run.
    """
    line = _visible(line)
    return line if len(line) <= LINE_CHARS else f"{line[: LINE_CHARS - 1]}…"


def _visible(line: str) -> str:
    """Return a line with a mark for each character that is not seen, or turns those beside it round."""
    return "".join(char if char.isprintable() else "\ufffd" for char in " ".join(line.split("\n")))


def ref_of(run: Run) -> str:
    """Return how the requests of a run name its chat."""
    return f"session:{run.session_id}" if run.session_id else ""
