"""Backups: what was made, whether it could be restored, and a button that has one made now."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.decorators import display

from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import RecordAdmin
from clawsite.admin.showing import State, age, pairs, shorten, text_block
from clawsite.core.errors import ClawError
from clawsite.models import Backup
from clawsite.ops.backups.job import KIND
from runbooks.jobs import create_job

COLOURS = {"running": "info", "stored": "info", "verified": "success", "failed": "danger", "deleted": ""}


@admin.register(Backup)
class BackupAdmin(RecordAdmin):
    """Records, newest first."""

    list_display = ("name", "status", "made", "shown_size", "reason", "problem")
    list_filter = ("state",)
    search_fields = ("name__startswith",)
    list_before_template = "admin/backup_top.html"
    fieldsets = (
        (None, {"fields": ("name", "state", "error", "reason", "host")}),
        (gettext_lazy("Time"), {"fields": (("started_at", "ended_at", "verified_at"),)}),
        (gettext_lazy("File"), {"fields": ("kept", "shown_size", "digest")}),
        (gettext_lazy("Content"), {"fields": ("files", "left_out", "changed", "tables")}),
    )

    def get_urls(self) -> list[URLPattern]:
        """Add the address of the button."""
        view = self.admin_site.admin_view(require_POST(self.back_up))
        return [path("now/", view, name="clawsite_backup_now"), *super().get_urls()]

    def back_up(self, request: HttpRequest) -> HttpResponse:
        """Start the job and show its page, where its steps appear."""
        if not request.user.is_superuser:
            raise PermissionDenied
        try:
            job = create_job(KIND, actor=actor_of(request), start=True, origin=origin_of(request))
        except ClawError as error:
            messages.error(request, error.message)
            return redirect("admin:clawsite_backup_changelist")
        messages.success(request, _("The backup was started. Its steps appear below."))
        return redirect(reverse("admin:runbooks_job_change", args=[job.pk]))

    @display(description=gettext_lazy("state"), label=COLOURS)
    def status(self, row: Backup) -> State:
        """How far it is."""
        return State(row.state, str(row.get_state_display()))

    @display(description=gettext_lazy("age"), ordering="started_at")
    def made(self, row: Backup) -> str:
        """How long ago it was begun."""
        return age(row.started_at)

    @display(description=gettext_lazy("size"))
    def shown_size(self, row: Backup) -> str:
        """In units that people read."""
        return filesizeformat(row.size) if row.size else "–"

    @display(description=gettext_lazy("problem"))
    def problem(self, row: Backup) -> str:
        """Why it did not succeed."""
        return shorten(row.error, 80)

    @display(description=gettext_lazy("kept in"))
    def kept(self, row: Backup) -> SafeString:
        """Every place that has it."""
        return text_block("\n".join(row.places) or "–")

    @display(description="SHA-256")
    def digest(self, row: Backup) -> SafeString:
        """Of the file as it is kept."""
        return text_block(row.sha256 or "–")

    @display(description=gettext_lazy("files"))
    def files(self, row: Backup) -> Any:
        """How many there are in it."""
        return row.counts.get("files", "–")

    @display(description=gettext_lazy("left out"))
    def left_out(self, row: Backup) -> SafeString:
        """What is no plain file, may not be read, or lies too deep."""
        return text_block("\n".join(row.counts.get("left out", [])) or "–")

    @display(description=gettext_lazy("changed meanwhile"))
    def changed(self, row: Backup) -> SafeString:
        """What became shorter while it was read, and ends in zeros."""
        return text_block("\n".join(row.counts.get("changed", [])) or "–")

    @display(description=gettext_lazy("rows by table"))
    def tables(self, row: Backup) -> SafeString:
        """What the check counted."""
        return pairs(row.counts.get("tables", {}))
