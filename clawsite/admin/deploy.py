"""Deploys: which commit went where, for whom, and what became of it, with the output as it comes."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from clawsite.admin.base import RecordAdmin
from clawsite.admin.run import job_events
from clawsite.admin.showing import State, age, link, text_block
from runbooks.models import Deploy, Run

COLOURS = {
    "waiting": "", "running": "info", "live": "success", "replaced": "", "withdrawn": "warning",
    "rolled_back": "danger", "failed": "danger", "cancelled": "warning",
}  # fmt: skip


@admin.register(Deploy)
class DeployAdmin(RecordAdmin):
    """Records, newest first."""

    list_display = ("id", "environment", "short", "kind", "status", "requested_name", "begun", "took")
    list_filter = ("state", "kind", "environment__name")
    list_select_related = ("environment__project", "job")
    search_fields = ("commit__startswith", "project__name__exact", "requested_by__exact")
    fields = (
        "environment", "commit", "ref", "kind", "status", "requested_name", "approved_by", "its_job", "its_run",
        "previous", "news", "created_at", "took", "problem",
    )  # fmt: skip
    change_form_after_template = "admin/job_events.html"

    class Media:
        """Shows new events."""

        js = ("clawadmin/job.js",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Deploy]:
        """With all that names of environments and of what was there before need."""
        rows: QuerySet[Deploy] = super().get_queryset(request)
        return rows.select_related("environment__project", "job", "previous__environment__project")

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Give the page the last events and the address of those to come, for who may see jobs."""
        row = kwargs.get("obj")
        if row is not None and row.job is not None and request.user.has_perm("runbooks.view_job"):
            context |= job_events(row.job)
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description=_("commit"))
    def short(self, row: Deploy) -> str:
        """The beginning of the commit."""
        return row.commit[:8]

    @display(description=_("state"), label=COLOURS)
    def status(self, row: Deploy) -> State:
        """What became of it."""
        return State(row.state, row.get_state_display())

    @display(description=_("age"))
    def begun(self, row: Deploy) -> str:
        """How long ago it was asked for."""
        return age(row.created_at)

    @display(description=_("took"))
    def took(self, row: Deploy) -> str:
        """How long it took, once it is over."""
        return "–" if row.seconds is None else f"{row.seconds:.1f} s"

    @display(description=_("job"))
    def its_job(self, row: Deploy) -> SafeString | str:
        """The way to the job."""
        return link(row.job, row.job.key[:8]) if row.job is not None else "–"

    @display(description=_("steps"))
    def its_run(self, row: Deploy) -> SafeString | str:
        """The way to its steps and their output."""
        run = Run.objects.filter(job_id=row.job_id).first() if row.job_id else None
        return link(run, str(run.pk)) if run is not None else "–"

    @display(description=_("changes"))
    def news(self, row: Deploy) -> SafeString:
        """The commits that are new against the release before, a line each."""
        return text_block("\n".join(row.changes) or "–")

    @display(description=_("problem"))
    def problem(self, row: Deploy) -> str:
        """Why it did not succeed."""
        return (row.job.error if row.job is not None else "") or "–"
