"""Outside services that keep failing, or did: those whose breaker is a row of their own."""

from __future__ import annotations

from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from bots.service_kinds import name_kind
from clawsite.admin.base import RecordAdmin
from clawsite.admin.showing import age
from clawsite.core.breaker import state_of
from clawsite.core.models import ServiceState

COLOURS = {"closed": "success", "half_open": "warning", "open": "danger"}
NAMES = {"closed": _("Works"), "half_open": _("Being tried"), "open": _("Left alone")}


@admin.register(ServiceState)
class ServiceStateAdmin(RecordAdmin):
    """A service has a row since it first failed."""

    list_display = ("name", "shown_kind", "breaker", "error_kind", "failing", "changed")
    list_filter = ("kind",)
    search_fields = ("name", "kind")
    fieldsets = (
        (None, {"fields": ("shown_kind", "name", "open_until")}),
        (_("Failures"), {"fields": ("failures", "failing_since", "error_kind", "error", "changed_at")}),
    )

    @display(description=_("kind"), ordering="kind")
    def shown_kind(self, row: ServiceState) -> str:
        """As people call it."""
        return name_kind(row.kind)

    @display(description=_("breaker"), label=COLOURS)
    def breaker(self, row: ServiceState) -> tuple[str, str]:
        """What it lets through."""
        state = state_of(row, now=timezone.now())
        return state, str(NAMES[state])

    @display(description=_("failing for"))
    def failing(self, row: ServiceState) -> str:
        """Since it last worked."""
        return age(row.failing_since) if row.failing_since else "-"

    @display(description=_("changed"))
    def changed(self, row: ServiceState) -> str:
        """Since something was noted."""
        return age(row.changed_at)
