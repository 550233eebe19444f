"""Pipelines of all projects as they were heard of last, with buttons for what can be done about them."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import RecordAdmin
from clawsite.admin.buttons import button
from clawsite.admin.showing import age, link, shorten
from runbooks.models import Pipeline
from runbooks.workspaces.pipelines import actions
from runbooks.workspaces.pipelines.values import from_rows

PERMISSION = "runbooks.change_pipeline"
COLOURS = {
    "queued": "info",
    "running": "info",
    "waiting": "warning",
    "succeeded": "success",
    "failed": "danger",
    "cancelled": "",
    "skipped": "",
}


@admin.register(Pipeline)
class PipelineAdmin(RecordAdmin):
    """Records, newest first. Their texts come from outside."""

    list_display = ("id", "project", "provider", "status", "what", "ref", "started_by", "heard")
    list_filter = ("provider", "state", "project")
    list_select_related = ("project",)
    search_fields = ("external_id__exact", "commit__startswith", "ref")
    fieldsets = (
        (None, {"fields": ("project", "provider", "external_id", "state", "attempt", "name", "ref", "commit", "url")}),
        (gettext_lazy("Stages"), {"fields": ("its_stages",)}),
        (
            gettext_lazy("Details"),
            {
                "fields": ("started_by", "its_job", ("started_at", "ended_at"), ("created_at", "heard_at", "due_at")),
                "classes": ("collapse",),
            },
        ),
    )

    @display(description=gettext_lazy("state"), label=COLOURS)
    def status(self, row: Pipeline) -> str:
        """Where it stands."""
        return row.state

    @display(description=gettext_lazy("name"))
    def what(self, row: Pipeline) -> str:
        """Its name in one line."""
        return shorten(row.name, 60)

    @display(description=gettext_lazy("heard of"), ordering="heard_at")
    def heard(self, row: Pipeline) -> str:
        """How long ago it was heard of."""
        return age(row.heard_at)

    @display(description=gettext_lazy("job"))
    def its_job(self, row: Pipeline) -> SafeString | str:
        """The way to the job of one that runs here."""
        return link(row.job, row.job.key[:8]) if row.job else "–"

    @display(description=gettext_lazy("stages"))
    def its_stages(self, row: Pipeline) -> SafeString | str:
        """Each stage with its jobs."""
        cells = [
            (stage.name, stage.state, ", ".join(f"{job.name}: {job.state}" for job in stage.jobs))
            for stage in from_rows(row.stages)
        ]
        if not cells:
            return "–"
        body = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td></tr>", cells)
        return format_html('<table class="claw-steps">{}</table>', body)

    @button(gettext_lazy("Cancel"), permission=PERMISSION, style="danger", shown=lambda row: not row.is_over)
    def cancel(self, request: HttpRequest, row: Pipeline) -> str:
        """Have it end."""
        actions.cancel_pipeline(row, actor=actor_of(request), origin=origin_of(request))
        return _("It is being cancelled.")

    @button(gettext_lazy("Run again"), permission=PERMISSION, shown=lambda row: row.is_over)
    def retry(self, request: HttpRequest, row: Pipeline) -> str:
        """Run what failed again."""
        actions.retry_pipeline(row, actor=actor_of(request), origin=origin_of(request))
        return _("It is being run again.")

    @button(gettext_lazy("Approve"), permission=PERMISSION, shown=lambda row: not row.is_over)
    def approve(self, request: HttpRequest, row: Pipeline) -> str:
        """Let go on what waits for a person."""
        actions.approve_pipeline(row, actor=actor_of(request), origin=origin_of(request))
        return _("What waits is being approved.")
