"""The processes that run, and how they are."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from clawsite.admin.base import RecordAdmin
from clawsite.admin.showing import age, pretty_json
from clawsite.core.models import Process


@admin.register(Process)
class ProcessAdmin(RecordAdmin):
    """One row for each run of a role."""

    list_display = ("role", "host", "pid", "running", "beat")
    fieldsets = ((None, {"fields": ("role", "host", "pid", "started_at", "beat_at", "details")}),)

    @display(description=_("running for"))
    def running(self, row: Process) -> str:
        """Since it started."""
        return age(row.started_at)

    @display(description=_("last beat"))
    def beat(self, row: Process) -> str:
        """Since it was last heard of."""
        return age(row.beat_at)

    @display(description=_("details"))
    def details(self, row: Process) -> SafeString:
        """What it tells about itself."""
        return pretty_json(row.data)
