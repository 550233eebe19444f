"""Escalations: where each stands, and the steps it was frozen with."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from clawsite.admin.base import RecordAdmin
from clawsite.admin.showing import State, link, pretty_json
from runbooks.models import Escalation


@admin.register(Escalation)
class EscalationAdmin(RecordAdmin):
    """Escalations, newest first, with the steps they were frozen with."""

    list_display = ("id", "status", "alert", "policy", "round", "step", "next_at")
    list_filter = ("state",)
    list_select_related = ("group",)
    search_fields = ("group__title", "policy")
    fieldsets = (
        (None, {"fields": ("alert", "policy", "state", "why")}),
        (gettext_lazy("Where it stands"), {"fields": (("round", "step", "next_at"), "started_at")}),
        (gettext_lazy("As it was when it began"), {"fields": ("frozen", "repeats", "remind_minutes")}),
    )

    @display(description=gettext_lazy("state"), label={"running": "warning", "stopped": "success", "done": "danger"})
    def status(self, row: Escalation) -> State:
        """Whether it goes on."""
        return State(row.state, str(row.get_state_display()))

    @display(description=gettext_lazy("alert"))
    def alert(self, row: Escalation) -> SafeString | str:
        """The way to the group."""
        return link(row.group, row.group.title[:80])

    @display(description=gettext_lazy("steps"))
    def frozen(self, row: Escalation) -> SafeString:
        """Its steps."""
        return pretty_json(row.steps)
