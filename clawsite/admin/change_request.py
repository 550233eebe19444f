"""Change requests that commands of projects made: what each changes, who asked for it, and what became of it."""

from __future__ import annotations

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from clawsite.admin.base import RecordAdmin
from clawsite.admin.showing import age, link, pretty_json, shorten
from runbooks.models import ChangeRequest

COLOURS = {
    "open": "info",
    "approved": "warning",
    "merged": "success",
    "rejected": "danger",
    "expired": "",
    "closed": "",
    "conflict": "danger",
    "moved": "danger",
}


@admin.register(ChangeRequest)
class ChangeRequestAdmin(RecordAdmin):
    """Records, newest first. People decide in their chats."""

    list_display = ("id", "project", "what", "status", "requested_name", "begun")
    list_filter = ("state", "project")
    list_select_related = ("project",)
    search_fields = ("commit__startswith", "requested_by__exact")
    fieldsets = (
        (
            None,
            {"fields": ("project", "title", "line", "requested_name", "state", "ended_by", "created_at", "ended_at")},
        ),
        (_("Changes"), {"fields": ("changed", "in_conflict", "branch", "base", "commit", "merged")}),
        (_("Rules"), {"fields": ("file", "role", "rules", "its_job")}),
    )

    @display(description=_("title"))
    def what(self, row: ChangeRequest) -> str:
        """Its title in one line."""
        return shorten(row.title, 80)

    @display(description=_("state"), label=COLOURS)
    def status(self, row: ChangeRequest) -> tuple[str, str]:
        """What became of it."""
        return row.state, row.get_state_display()

    @display(description=_("age"))
    def begun(self, row: ChangeRequest) -> str:
        """How long ago it was asked for."""
        return age(row.created_at)

    @display(description=_("files"))
    def changed(self, row: ChangeRequest) -> SafeString:
        """Each file with its lines."""
        cells = format_html_join("", "<tr><td><code>{}</code></td><td>+{}</td><td>−{}</td></tr>", row.files)
        return format_html('<table class="claw-steps">{}</table>', cells)

    @display(description=_("conflicts"))
    def in_conflict(self, row: ChangeRequest) -> str:
        """The files that had changed meanwhile."""
        return ", ".join(row.conflicts) or "–"

    @display(description=_("policy"))
    def rules(self, row: ChangeRequest) -> SafeString:
        """What the document said when it was made."""
        return pretty_json(row.policy)

    @display(description=_("job"))
    def its_job(self, row: ChangeRequest) -> SafeString | str:
        """The way to the job."""
        return link(row.job, row.job.key[:8]) if row.job is not None else "–"
