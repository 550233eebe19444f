"""What the model did to projects: what was asked, what changed, what became of it, with the job's events."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import RecordAdmin
from clawsite.admin.buttons import button
from clawsite.admin.job import COLOURS
from clawsite.admin.run import job_events
from clawsite.admin.showing import age, link, shorten, text_block
from clawsite.core.errors import BadInput
from runbooks import jobs
from runbooks.models import CodeRun
from sessions_app.models import ToolCall

MOST_CALLS = 200


@admin.register(CodeRun)
class CodeRunAdmin(RecordAdmin):
    """Records, newest first."""

    list_display = ("number", "project", "asked", "status", "outcome", "requested_name", "begun", "cost_usd")
    list_filter = ("outcome", "reason", "job__state", "project__name")
    list_select_related = ("job", "project")
    search_fields = ("project__name__exact", "requested_by__exact")
    fieldsets = (
        (None, {"fields": ("project", "what", "requested_name", "state", "outcome", "reason", "said", "problem")}),
        (_("Changes"), {"fields": ("changed", "how_tests_went", "base", "head", "merged")}),
        (_("Tool calls"), {"fields": ("calls",), "classes": ("collapse",)}),
        (
            _("Model"),
            {"fields": ("model", "steps", "input_tokens", "output_tokens", "cost_usd", "tainted", "its_job")},
        ),
    )
    change_form_after_template = "admin/job_events.html"

    class Media:
        """Shows new events."""

        js = ("clawadmin/job.js",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[CodeRun]:
        """Leave out the conversation with the model, which no page shows."""
        rows: QuerySet[CodeRun] = super().get_queryset(request)
        return rows.select_related("job", "project").defer("agent", "job__params", "job__result")

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Give the page the last events and the address of those to come, for who may see jobs."""
        row = kwargs.get("obj")
        if row is not None and request.user.has_perm("runbooks.view_job"):
            context |= job_events(row.job)
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description=_("number"))
    def number(self, row: CodeRun) -> int:
        """Its number, by which chats know it."""
        return int(row.pk)

    @display(description=_("asked for"))
    def asked(self, row: CodeRun) -> str:
        """The beginning of what was asked for."""
        return shorten(row.request, 80)

    @display(description=_("asked for"))
    def what(self, row: CodeRun) -> SafeString:
        """All that was asked for."""
        return text_block(row.request)

    @display(description=_("state"), label=COLOURS)
    def status(self, row: CodeRun) -> tuple[str, str]:
        """Where its job stands."""
        return row.job.state, row.job.get_state_display()

    @display(description=_("state"))
    def state(self, row: CodeRun) -> str:
        """Where its job stands."""
        return row.job.get_state_display()

    @display(description=_("age"))
    def begun(self, row: CodeRun) -> str:
        """How long ago it was asked for."""
        return age(row.created_at)

    @display(description=_("said"))
    def said(self, row: CodeRun) -> SafeString:
        """What the model said at the end."""
        return text_block(row.summary)

    @display(description=_("problem"))
    def problem(self, row: CodeRun) -> str:
        """Why it did not come to its end, or is not merged."""
        return row.job.error or row.notice or ", ".join(row.conflicts) or "–"

    @display(description=_("files"))
    def changed(self, row: CodeRun) -> SafeString | str:
        """Each file with its lines."""
        cells = format_html_join("", "<tr><td><code>{}</code></td><td>+{}</td><td>−{}</td></tr>", row.files)
        return format_html('<table class="claw-steps">{}</table>', cells) if row.files else "–"

    @display(description=_("tests"))
    def how_tests_went(self, row: CodeRun) -> SafeString | str:
        """How the last tests went, with their last lines."""
        return text_block(f"{row.tests['state']}\n{row.tests['note']}".strip()) if row.tests else "–"

    @display(description=_("tool calls"))
    def calls(self, row: CodeRun) -> SafeString | str:
        """What the model called, and what it was told."""
        rows = ToolCall.objects.filter(job_key=row.job.key).order_by("pk")[:MOST_CALLS]
        told = [(each.tool, each.get_state_display(), str(each.arguments)[:500], each.result[:500]) for each in rows]
        line = "<tr><td>{}</td><td>{}</td><td><code>{}</code></td><td><code>{}</code></td></tr>"
        return format_html('<table class="claw-steps">{}</table>', format_html_join("", line, told)) if told else "–"

    @display(description=_("job"))
    def its_job(self, row: CodeRun) -> SafeString | str:
        """The way to the job."""
        return link(row.job, row.job.key[:8])

    @button(_("Stop the work"), permission="runbooks.change_job", style="danger", shown=lambda row: not row.job.is_over)
    def stop(self, request: HttpRequest, row: CodeRun) -> str:
        """End it, or ask it to stop."""
        if row.job.is_over:
            raise BadInput(str(_("It is over.")))
        job = jobs.cancel_job(row.job.key, actor=actor_of(request), origin=origin_of(request))
        return str(_("It was stopped.") if job.is_over else _("It was asked to stop."))
