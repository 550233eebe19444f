"""Starting a run: rights, parameters, the plan, the target, and the job. One transaction, with its audit row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from clawsite.core import audit
from clawsite.core.errors import BadInput, NotAllowed
from guardrails.redact import redact
from guardrails.types import Actor, Role
from runbooks.books.ending import settle_target
from runbooks.books.groups import add_labels, tell_group
from runbooks.books.leftover import left_to_undo
from runbooks.books.parameters import read_values
from runbooks.books.plan import PlanChanged, digest_of, make_plan, seal_of
from runbooks.books.spec import Book, BookError
from runbooks.books.store import find_runbook, to_book
from runbooks.books.substitution import Value, fill
from runbooks.incidents.runs import tell_run_started
from runbooks.jobs import create_job, start_job
from runbooks.models import Job, Run, Runbook

KIND = "runbook"
TARGET_CHARS = 200


def start_run(
    name: str,
    params: Mapping[str, Any],
    *,
    actor: Actor,
    owner: str = "",
    session_id: int | None = None,
    group_id: int | None = None,
    dry_run: bool = False,
    origin: str = "",
    idempotency_key: str = "",
    seal: str = "",
    undo: int | None = None,
) -> Run:
    """Start a runbook and return its run. A dry run does nothing but show what would be done.

    `session_id` is where its progress is shown. `group_id` is the alert group it is started for, whose labels give
    the parameters of their names that are not given here. `seal` is that of the preview that somebody said yes to.
    `undo` is the number of a run whose finished steps are undone instead (`undoing.roll_back`).

    Raises BadInput for parameters that are not right and for a target that another run works on, NotAllowed when the
    actor may not run it, PlanChanged when what would run is not what the seal stands for.
    """
    given = {"name": name, "parameters": dict(params), "dry_run": dry_run, "group": group_id, "undo": undo}
    with transaction.atomic():
        job = create_job(
            KIND,
            params=given,
            actor=actor,
            owner=owner,
            session_id=session_id,
            origin=origin,
            idempotency_key=idempotency_key,
        )
        run = Run.objects.filter(job=job).first()
        if run is None:
            run = make_run(job, actor=actor, origin=origin, seal=seal)
            start_job(job.key, actor=actor, origin=origin)
    return run


def make_run(job: Job, *, actor: Actor, origin: str = "", seal: str = "") -> Run:
    """Make the run of a job of the kind `runbook`, from the job's parameters. Part of the caller's transaction."""
    run = _plan_undo(job, actor) if job.params.get("undo") else _plan_run(job, actor)
    run.job, run.session_id, run.group_id = job, job.session_id, job.params["group"]
    run.requested_by, run.requested_name = actor.subject, actor.name[:200]
    run.digest = digest_of(run)
    if seal not in ("", seal_of(run.name, run.version, run.target, run.parameters, run.plan)):
        raise PlanChanged("The plan is not the one that was shown.")
    take_target(run)
    tell_group(run)
    tell_run_started(run)
    audit.record(
        "runbook.run",
        actor=actor.subject,
        subject=f"runbook:{run.name}",
        origin=origin,
        run=run.pk,
        job=job.key,
        version=run.version,
        target=run.target,
        parameters={key: redact(each) if isinstance(each, str) else each for key, each in run.parameters.items()},
        dry_run=run.dry_run,
        digest=run.digest,
        **({"undoes": run.undoes_id} if run.undoes_id else {}),
    )
    return run


def _plan_run(job: Job, actor: Actor) -> Run:
    """Return the run of a runbook as it is now, unsaved."""
    given = job.params
    row = get_runbook(given["name"])
    check_actor(row, actor)
    book, values, plan = read_run(row, given["parameters"], actor=actor, group_id=given["group"])
    return Run(
        runbook=row,
        name=row.name,
        title=row.title,
        version=row.version,
        target=target_of(book, values),
        open=not given["dry_run"],
        dry_run=given["dry_run"],
        parameters=values,
        plan=plan,
    )


def _plan_undo(job: Job, actor: Actor) -> Run:
    """Return the run that undoes another one, unsaved. What undoes it was planned when that one began."""
    done = (
        Run.objects.select_related("job", "runbook")
        .filter(pk=job.params["undo"], dry_run=False, job__kind=KIND)
        .first()
    )
    if done is None:
        raise BadInput(_("There is no run {run}.").format(run=job.params["undo"]))
    if done.runbook is not None:
        check_actor(done.runbook, actor)
    elif not actor.is_at_least(Role.ADMIN):
        raise NotAllowed(_("Its runbook was removed, so only an admin may roll it back."))
    if Run.objects.filter(undoes=done).exists():
        raise BadInput(_("Run {run} was rolled back already.").format(run=done.pk))
    plan = left_to_undo(done, done.job) if done.job.is_over and done.job.state != Job.State.SUCCEEDED else []
    if not plan:
        raise BadInput(_("There is nothing to roll back."))
    return Run(
        runbook=done.runbook,
        undoes=done,
        name=done.name,
        title=f"↩️ {done.title}"[:120],
        version=done.version,
        target=done.target,
        parameters=done.parameters,
        plan=plan,
    )


def read_run(
    row: Runbook, params: Mapping[str, Any], *, actor: Actor, group_id: int | None = None
) -> tuple[Book, dict[str, Value], list[dict[str, Any]]]:
    """Return a runbook, the values it would run with, and its plan."""
    book = book_of(row)
    values = read_values(book.parameters, add_labels(book.parameters, params, group_id))

    def find(name: str) -> Book:
        nested = get_runbook(name)
        check_actor(nested, actor)
        return book_of(nested)

    return book, values, make_plan(book, values, find=find)


def target_of(book: Book, values: Mapping[str, Value]) -> str:
    """Return what a run with these values would work on."""
    return fill(book.target, values)[:TARGET_CHARS] or book.name


def get_named(name: str) -> Runbook:
    """Return the runbook of this name; BadInput when there is none."""
    row = find_runbook(name)
    if row is None:
        raise BadInput(_("There is no runbook named {name}.").format(name=repr(name[:64])))
    return row


def get_runbook(name: str) -> Runbook:
    """Return the runbook of this name; BadInput when there is none that may be run."""
    row = get_named(name)
    if not row.enabled:
        raise BadInput(_("The runbook {name} is switched off.").format(name=row.name))
    return row


def check_actor(row: Runbook, actor: Actor) -> None:
    """Raise NotAllowed when somebody may not run this."""
    role = Role(row.role)
    if not actor.is_at_least(role):
        raise NotAllowed(
            _("Only the role {role} and those above it may run {name}.").format(role=role.value, name=row.name)
        )


def book_of(row: Runbook) -> Book:
    """Return a runbook's value; BadInput when its rows are broken."""
    try:
        return to_book(row)
    except BookError as error:
        raise BadInput(
            _("The runbook {name} is broken: {problem}.").format(name=row.name, problem=error.message)
        ) from None


def take_target(run: Run) -> None:
    """Save the run, which takes its target; BadInput says who has it."""
    if run.open:
        settle_target(run.target)
    try:
        with transaction.atomic():
            run.save()
    except IntegrityError:
        other = Run.objects.filter(target=run.target, open=True).first()
        if other is None:
            raise
        who = other.requested_name or other.requested_by
        raise BadInput(
            _("{title} already runs on {target}, started by {who} (run {run}).").format(
                title=other.title, target=other.target, who=who, run=other.pk
            )
        ) from None
