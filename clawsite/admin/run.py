"""Runs of runbooks: what becomes of each step, with the output as it comes."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import RecordAdmin
from clawsite.admin.buttons import button
from clawsite.admin.filters import name_filter
from clawsite.admin.job import COLOURS, SHOWN_EVENTS, show_event
from clawsite.admin.showing import age, link, pairs
from clawsite.core.errors import BadInput
from runbooks import jobs
from runbooks.books import describe_run, roll_back, start_run
from runbooks.models import Job, Run, Runbook

PERMISSION = "runbooks.add_run"


def _can_undo(row: Run) -> bool:
    """Tell whether a run ended before its end and left something that can be undone."""
    return bool(describe_run(row, row.job).get("undo_left"))


def _can_repeat(row: Run) -> bool:
    return bool(row.job.is_over and row.undoes_id is None)


def _names_of_runbooks() -> list[str]:
    """Return the names of the runbooks there are; runs of one that is gone are found by a search."""
    return list(Runbook.objects.order_by("name").values_list("name", flat=True))


@admin.register(Run)
class RunAdmin(RecordAdmin):
    """Records, newest first."""

    list_display = ("number", "name", "target", "status", "requested_name", "begun", "took")
    list_filter = (
        "job__state",
        "dry_run",
        name_filter("name", title=gettext_lazy("name"), names=_names_of_runbooks),
    )
    list_select_related = ("job",)
    search_fields = ("name__exact", "target__exact", "requested_by__exact")
    fieldsets = (
        (None, {"fields": ("title", "state", "target", "requested_name", "given", "problem")}),
        (gettext_lazy("Steps"), {"fields": ("steps", "undone")}),
        (
            gettext_lazy("Details"),
            {
                "fields": ("its_job", "name", "version", "dry_run", "group_id", "undoes", "digest", "created_at"),
                "classes": ("collapse",),
            },
        ),
    )
    change_form_after_template = "admin/job_events.html"

    class Media:
        """Shows new events."""

        js = ("clawadmin/job.js",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        """A list needs none of the large columns; the page of one run loads what it shows."""
        rows: QuerySet[Run] = super().get_queryset(request)
        return rows.select_related("job").defer("plan", "job__params", "job__result", "job__saved")

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Give the page the last events and the address of those to come, for who may see jobs."""
        run = kwargs.get("obj")
        if run is not None and request.user.has_perm("runbooks.view_job"):
            context |= job_events(run.job)
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description=gettext_lazy("run"))
    def number(self, row: Run) -> int:
        """Its number, by which chats know it."""
        return int(row.pk)

    @display(description=gettext_lazy("state"), label=COLOURS)
    def status(self, row: Run) -> tuple[str, str]:
        """Where it stands."""
        return row.job.state, row.job.get_state_display()

    @display(description=gettext_lazy("state"))
    def state(self, row: Run) -> str:
        """Where it stands."""
        return row.job.get_state_display()

    @display(description=gettext_lazy("age"))
    def begun(self, row: Run) -> str:
        """How long ago it was started."""
        return age(row.created_at)

    @display(description=gettext_lazy("took"))
    def took(self, row: Run) -> str:
        """How long it ran, once it is over."""
        seconds = describe_seconds(row.job)
        return "–" if seconds is None else f"{seconds:.1f} s"

    @display(description=gettext_lazy("parameters"))
    def given(self, row: Run) -> SafeString:
        """What it was given."""
        return pairs(row.parameters)

    @display(description=gettext_lazy("problem"))
    def problem(self, row: Run) -> str:
        """Why it did not succeed."""
        return row.job.error or "–"

    @display(description=gettext_lazy("job"))
    def its_job(self, row: Run) -> SafeString | str:
        """The way to the job."""
        return link(row.job, row.job.key[:8])

    @display(description=gettext_lazy("steps"))
    def steps(self, row: Run) -> SafeString | str:
        """What becomes of each step; the page changes the states as they come."""
        return _table(describe_run(row, row.job)["steps"], "do")

    @display(description=gettext_lazy("undone"))
    def undone(self, row: Run) -> SafeString | str:
        """What was undone, the last step first."""
        return _table(describe_run(row, row.job)["undo"], "undo")

    @button(
        gettext_lazy("Cancel the run"), permission=PERMISSION, style="danger", shown=lambda row: not row.job.is_over
    )
    def cancel(self, request: HttpRequest, row: Run) -> str:
        """End it, or ask it to stop."""
        if row.job.is_over:
            raise BadInput(_("The run is over."))
        job = jobs.cancel_job(row.job.key, actor=actor_of(request), origin=origin_of(request))
        return _("The run was cancelled.") if job.is_over else _("The run was asked to stop.")

    @button(gettext_lazy("Roll back"), permission=PERMISSION, style="danger", shown=_can_undo)
    def undo(self, request: HttpRequest, row: Run) -> str:
        """Undo what was done before it ended."""
        run = roll_back(row, actor=actor_of(request), origin=origin_of(request))
        return _("It is rolled back by run %(run)s.") % {"run": run.pk}

    @button(gettext_lazy("Run again"), permission=PERMISSION, shown=_can_repeat)
    def again(self, request: HttpRequest, row: Run) -> str:
        """Start the runbook as it is now, with the same parameters."""
        if not _can_repeat(row):
            raise BadInput(_("This run rolled another one back; that is done once."))
        run = start_run(
            row.name,
            row.parameters,
            actor=actor_of(request),
            session_id=row.session_id,
            group_id=row.group_id,
            dry_run=row.dry_run,
            origin=origin_of(request),
        )
        return _("Another run was started: %(run)s") % {"run": run.pk}


def job_events(job: Job) -> dict[str, Any]:
    """Return what the page of a job or run needs to show events as they come."""
    shown = jobs.read_events(job, max(0, job.last_seq - SHOWN_EVENTS), SHOWN_EVENTS)
    return {
        "job_events": [show_event(event) for event in shown],
        "job_last": shown[-1].seq if shown else 0,
        "job_url": reverse("admin:runbooks_job_events", args=[job.pk]),
        "job_over": job.is_over,
        "job_state": job.get_state_display(),
    }


def describe_seconds(job: Job) -> float | None:
    """Return how long a job took, None while it goes on."""
    if job.started_at is None or job.ended_at is None:
        return None
    return float((job.ended_at - job.started_at).total_seconds())


def _table(steps: list[dict[str, Any]], part: str) -> SafeString | str:
    if not steps:
        return "–"
    rows = (
        (number, step["title"], step["shown"], f"{part}-{number}", step["state"] or "–", _took(step), step["note"])
        for number, step in enumerate(steps, start=1)
    )
    cells = '<tr><td>{}</td><td>{}</td><td><code>{}</code></td><td data-step="{}">{}</td><td>{}</td><td>{}</td></tr>'
    return format_html('<table class="claw-steps">{}</table>', format_html_join("", cells, rows))


def _took(step: dict[str, Any]) -> str:
    return f"{step['seconds']:g} s" if step["state"] in ("ok", "failed") else ""
