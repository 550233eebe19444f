"""What people thought of jobs: a thumb, and the reason if they gave one."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from clawsite.admin.base import RecordAdmin
from clawsite.admin.filters import name_filter
from clawsite.admin.job import job_kinds
from clawsite.admin.showing import link, shorten
from runbooks.models import Feedback


@admin.register(Feedback)
class FeedbackAdmin(RecordAdmin):
    """Records, newest first."""

    list_display = ("at", "thumb", "kind", "its_job", "name", "why")
    list_filter = (
        "good",
        name_filter("job__kind", title=_("kind"), names=job_kinds),
        ("at", admin.DateFieldListFilter),
    )
    list_select_related = ("job",)
    search_fields = ("subject__exact", "reason__icontains")
    fields = ("at", "thumb", "kind", "its_job", "name", "subject", "reason")

    @display(description=_("opinion"))
    def thumb(self, row: Feedback) -> str:
        """Up or down."""
        return "👍" if row.good else "👎"

    @display(description=_("kind"))
    def kind(self, row: Feedback) -> str:
        """What sort of work it was."""
        return row.job.kind

    @display(description=_("job"))
    def its_job(self, row: Feedback) -> SafeString | str:
        """The way to the job."""
        return link(row.job, row.job.key[:8])

    @display(description=_("reason"))
    def why(self, row: Feedback) -> str:
        """The reason, as far as it fits a line."""
        return shorten(row.reason) or "–"
