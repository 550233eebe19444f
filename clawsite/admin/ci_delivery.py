"""Deliveries of forges as they came, what became of each, and a button that has one worked on again."""

from __future__ import annotations

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from clawsite.admin.base import RecordAdmin
from clawsite.admin.buttons import button
from clawsite.admin.showing import State, age, pretty_json, shorten
from runbooks.models import CiDelivery
from runbooks.workspaces.pipelines.store import replay_delivery


@admin.register(CiDelivery)
class CiDeliveryAdmin(RecordAdmin):
    """Records, newest first; they are kept for two weeks."""

    list_display = ("id", "status", "project", "kind", "event", "told", "attempts", "received")
    list_filter = ("state", "kind", "project")
    list_select_related = ("project",)
    search_fields = ("delivery_id__exact", "outcome__startswith")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "project",
                    ("kind", "event", "delivery_id"),
                    ("state", "outcome", "attempts"),
                    "origin",
                    ("received_at", "done_at"),
                )
            },
        ),
        (gettext_lazy("Delivery"), {"fields": ("content",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[CiDelivery]:
        """A list needs no bodies; the page of one delivery loads its own."""
        rows: QuerySet[CiDelivery] = super().get_queryset(request).defer("body")
        return rows

    @display(description=gettext_lazy("state"), label={"new": "info", "done": "success", "bad": "danger"})
    def status(self, row: CiDelivery) -> State:
        """What became of it."""
        return State(row.state, str(row.get_state_display()))

    @display(description=gettext_lazy("outcome"))
    def told(self, row: CiDelivery) -> str:
        """What it led to, or why nothing came of it."""
        return shorten(row.outcome, 80)

    @display(description=gettext_lazy("age"), ordering="received_at")
    def received(self, row: CiDelivery) -> str:
        """How long ago it came."""
        return age(row.received_at)

    @display(description=gettext_lazy("content"))
    def content(self, row: CiDelivery) -> SafeString:
        """What was sent."""
        return pretty_json(row.body)

    @button(
        gettext_lazy("Work on it again"),
        permission="runbooks.change_cidelivery",
        shown=lambda row: row.state == CiDelivery.State.BAD,
    )
    def replay(self, request: HttpRequest, row: CiDelivery) -> str:
        """Put it back."""
        with transaction.atomic():
            if not replay_delivery(row.pk):
                return _("It was not given up.")
            self.record(request, row, "replay")
        return _("It is worked on again.")
