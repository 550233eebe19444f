"""Silences that were asked for, and a button that takes one back."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import RecordAdmin
from clawsite.admin.buttons import button
from clawsite.admin.showing import State, link, pairs
from runbooks.alerts import silencing
from runbooks.alerts.silenced import SILENT
from runbooks.models import AlertSilence

COLOURS = {"wanted": "info", "active": "success", "local": "success", "failed": "danger", "undoing": "info"}


@admin.register(AlertSilence)
class AlertSilenceAdmin(RecordAdmin):
    """Records, newest first."""

    list_display = ("id", "status", "alert", "created_name", "starts_at", "ends_at", "error")
    list_filter = ("state",)
    list_select_related = ("group",)
    search_fields = ("group__title", "created_name")
    fieldsets = (
        (None, {"fields": ("alert", "state", "error", "for_labels", "remote_id")}),
        (gettext_lazy("Who and when"), {"fields": ("created_name", ("starts_at", "ends_at"))}),
    )

    @display(description=gettext_lazy("state"), label=COLOURS)
    def status(self, row: AlertSilence) -> State:
        """Where it stands."""
        return State(row.state, str(row.get_state_display()))

    @display(description=gettext_lazy("alert"))
    def alert(self, row: AlertSilence) -> SafeString | str:
        """The way to the group."""
        return link(row.group, row.group.title[:80])

    @display(description=gettext_lazy("labels"))
    def for_labels(self, row: AlertSilence) -> SafeString:
        """What it is for."""
        return pairs(row.matchers)

    @button(
        gettext_lazy("Undo the silence"),
        permission="runbooks.change_alertsilence",
        shown=lambda row: row.state in SILENT,
    )
    def undo(self, request: HttpRequest, row: AlertSilence) -> str:
        """Take it back."""
        silencing.undo(row.pk, actor=actor_of(request), origin=origin_of(request))
        return _("The silence is being taken back.")
