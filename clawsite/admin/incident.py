"""Incidents: how each stands, its whole timeline, and buttons for who sits at a desk instead of holding a phone."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from bots.cards.incident import describe_event
from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import RecordAdmin
from clawsite.admin.buttons import button
from clawsite.admin.showing import State, age, shorten, text_block
from runbooks import incidents
from runbooks.incidents.notes import TEXT_CHARS
from runbooks.incidents.snapshot import describe_event as as_data
from runbooks.incidents.timeline import read_timeline
from runbooks.models import Incident

PERMISSION = "runbooks.change_incident"
NUMBER_DIGITS = 10
COLOURS = {"P1": "danger", "P2": "warning", "P3": "info", "P4": ""}


@admin.register(Incident)
class IncidentAdmin(RecordAdmin):
    """Records, newest first. They are opened in a chat, or from an alert."""

    list_display = ("number", "grade", "status", "what", "system", "on_it", "opened")
    list_filter = ("state", "severity", "system")
    list_select_related = ("system",)
    search_fields = ("title", "opened_by_name", "assignee_name")
    fieldsets = (
        (None, {"fields": ("title", "severity", "state", "system")}),
        (gettext_lazy("People"), {"fields": ("reporter", "on_it")}),
        (gettext_lazy("Time"), {"fields": (("opened_at", "taken_at", "resolved_at"),)}),
        (gettext_lazy("Timeline"), {"fields": ("timeline",)}),
    )

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Find one by its number too: INC-12, or 12."""
        number = search_term.strip().upper().removeprefix("INC-")
        if number.isascii() and number.isdecimal() and len(number) <= NUMBER_DIGITS:
            return queryset.filter(pk=int(number)), False
        found: tuple[Any, bool] = super().get_search_results(request, queryset, search_term)
        return found

    @display(description=gettext_lazy("number"), ordering="pk")
    def number(self, row: Incident) -> str:
        """As people write it."""
        return row.number

    @display(description=gettext_lazy("severity"), label=COLOURS)
    def grade(self, row: Incident) -> str:
        """How bad it is."""
        return row.severity

    @display(description=gettext_lazy("state"), label={"open": "warning", "resolved": "success"})
    def status(self, row: Incident) -> State:
        """Whether it is over."""
        return State(row.state, _("open") if row.is_open else _("resolved"))

    @display(description=gettext_lazy("title"))
    def what(self, row: Incident) -> str:
        """The title in one line."""
        return shorten(row.title, 80)

    @display(description=gettext_lazy("reported by"))
    def reporter(self, row: Incident) -> str:
        """Who opened it."""
        return row.opened_by_name or row.opened_by

    @display(description=gettext_lazy("on it"))
    def on_it(self, row: Incident) -> str:
        """Who has taken it."""
        return row.assignee_name or row.assignee or "–"

    @display(description=gettext_lazy("opened"), ordering="opened_at")
    def opened(self, row: Incident) -> str:
        """How long ago."""
        return age(row.opened_at)

    @display(description=gettext_lazy("timeline"))
    def timeline(self, row: Incident) -> SafeString:
        """Everything that happened, a line each."""
        told = ((event.at, describe_event(as_data(event, chars=TEXT_CHARS))) for event in read_timeline(row))
        return text_block("\n".join(f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S}  {text}" for at, text in told))

    @button(gettext_lazy("I take it"), permission=PERMISSION, style="primary", shown=lambda row: row.is_open)
    def take(self, request: HttpRequest, row: Incident) -> str:
        """Give it to who presses."""
        actor = actor_of(request)
        incidents.assign(row.pk, to=actor, actor=actor, origin=origin_of(request))
        return _("You are on it.")

    @button(
        gettext_lazy("Resolve"),
        permission=PERMISSION,
        shown=lambda row: row.is_open,
        confirm=gettext_lazy("The incident will be marked as over, in every chat that shows it."),
    )
    def resolve(self, request: HttpRequest, row: Incident) -> str:
        """End it."""
        incidents.resolve(row.pk, actor=actor_of(request), origin=origin_of(request))
        return _("The incident is resolved.")

    @button(gettext_lazy("Reopen"), permission=PERMISSION, shown=lambda row: not row.is_open)
    def reopen(self, request: HttpRequest, row: Incident) -> str:
        """Take it up again."""
        incidents.reopen(row.pk, actor=actor_of(request), origin=origin_of(request))
        return _("The incident is open again.")
