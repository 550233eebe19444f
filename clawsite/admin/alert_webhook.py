"""Deliveries as they came, what became of each, and a button that has one worked on again."""

from __future__ import annotations

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from clawsite.admin.base import RecordAdmin
from clawsite.admin.buttons import button
from clawsite.admin.showing import State, age, pretty_json, shorten
from runbooks.alerts.store import replay_webhook
from runbooks.models import AlertWebhook


@admin.register(AlertWebhook)
class AlertWebhookAdmin(RecordAdmin):
    """Records, newest first; they are kept for two weeks."""

    list_display = ("id", "status", "source", "origin", "told", "attempts", "received")
    list_filter = ("state",)
    search_fields = ("outcome__startswith",)
    fieldsets = (
        (None, {"fields": ("state", "outcome", "attempts", "source", "origin", ("received_at", "done_at"))}),
        (gettext_lazy("Delivery"), {"fields": ("content",)}),
    )

    @display(description=gettext_lazy("state"), label={"new": "info", "done": "success", "bad": "danger"})
    def status(self, row: AlertWebhook) -> State:
        """What became of it."""
        return State(row.state, str(row.get_state_display()))

    @display(description=gettext_lazy("outcome"))
    def told(self, row: AlertWebhook) -> str:
        """What it led to, or why nothing came of it."""
        return shorten(row.outcome, 80)

    @display(description=gettext_lazy("age"), ordering="received_at")
    def received(self, row: AlertWebhook) -> str:
        """How long ago it came."""
        return age(row.received_at)

    @display(description=gettext_lazy("content"))
    def content(self, row: AlertWebhook) -> SafeString:
        """What was sent."""
        return pretty_json(row.body)

    @button(
        gettext_lazy("Work on it again"),
        permission="runbooks.change_alertwebhook",
        shown=lambda row: row.state == AlertWebhook.State.BAD,
    )
    def replay(self, request: HttpRequest, row: AlertWebhook) -> str:
        """Put it back."""
        with transaction.atomic():
            if not replay_webhook(row.pk):
                return _("It was not given up.")
            self.record(request, row, "replay")
        return _("It is worked on again.")
