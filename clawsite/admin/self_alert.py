"""What the system found wrong with itself."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from bots.cards.selfalert import word
from clawsite.admin.base import RecordAdmin
from clawsite.admin.showing import age, pretty_json
from clawsite.models import SelfAlert
from clawsite.ops.selfalerts.chats import describe

COLOURS = {"open": "danger", "over": "success"}


@admin.register(SelfAlert)
class SelfAlertAdmin(RecordAdmin):
    """Open ones first; the system opens and closes them by itself."""

    list_display = ("what", "state", "severity", "opened", "returns")
    list_filter = (("closed_at", admin.EmptyFieldListFilter), "severity", "check_name")
    search_fields = ("check_name", "subject")
    fieldsets = (
        (None, {"fields": ("what", "advice", "severity", "opened_at", "seen_at", "closed_at", "returns")}),
        (_("Told"), {"fields": ("chats", "mail", "rang_at")}),
        (_("Details"), {"fields": ("check_name", "subject", "details")}),
    )

    @display(description=_("what is wrong"))
    def what(self, row: SelfAlert) -> str:
        """As people are told."""
        return word(describe(row))[0]

    @display(description=_("what to do"))
    def advice(self, row: SelfAlert) -> str:
        """As people are told."""
        return word(describe(row))[1] or "-"

    @display(description=_("state"), label=COLOURS)
    def state(self, row: SelfAlert) -> tuple[str, str]:
        """Whether it lasts."""
        return ("open", str(_("Open"))) if row.is_open else ("over", str(_("Over")))

    @display(description=_("opened"))
    def opened(self, row: SelfAlert) -> str:
        """How long ago it began."""
        return age(row.opened_at)

    @display(description=_("details"))
    def details(self, row: SelfAlert) -> SafeString:
        """The numbers."""
        return pretty_json(row.data)
