"""Groups of alerts: how each stands, its alerts, its whole timeline, and buttons for who sits at a desk."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from bots.alerts.timeline import describe_event
from bots.cards.alert import RESOLVED
from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import RecordAdmin
from clawsite.admin.buttons import button
from clawsite.admin.showing import State, age, pairs, shorten, text_block
from runbooks.alerts import actions, silencing
from runbooks.models import AlertGroup

PERMISSION = "runbooks.change_alertgroup"
COLOURS = {"critical": "danger", "warning": "warning", "info": "info"}
SHOWN_ALERTS = 200
SHOWN_EVENTS = 500


def _waits(row: AlertGroup) -> bool:
    return row.state == AlertGroup.State.FIRING and row.acked_at is None


def _is_taken(row: AlertGroup) -> bool:
    return row.state == AlertGroup.State.FIRING and row.acked_at is not None


@admin.register(AlertGroup)
class AlertGroupAdmin(RecordAdmin):
    """Records, newest first. They come from outside."""

    list_display = ("id", "grade", "status", "what", "system", "firing", "acked_name", "began")
    list_filter = ("state", "severity", "system")
    list_select_related = ("system",)
    search_fields = ("title",)
    fieldsets = (
        (None, {"fields": ("title", "severity", "state", "system", "group_key")}),
        (gettext_lazy("Who has it"), {"fields": ("acked_name", "acked_at", "reminders")}),
        (gettext_lazy("Time"), {"fields": (("started_at", "resolved_at", "heard_at"), ("openings", "deliveries"))}),
        (gettext_lazy("In Alertmanager's list"), {"fields": (("listed_at", "absent_since", "stale_at"),)}),
        (gettext_lazy("What it says"), {"fields": ("shared_labels", "shared_annotations")}),
        (gettext_lazy("Alerts"), {"fields": (("firing", "ended", "truncated"), "single")}),
        (gettext_lazy("Timeline"), {"fields": ("timeline",)}),
    )

    @display(description=gettext_lazy("severity"), label=COLOURS)
    def grade(self, row: AlertGroup) -> State:
        """How bad it is."""
        return State(row.severity, str(row.get_severity_display()))

    @display(description=gettext_lazy("state"), label={"firing": "danger", "resolved": "success"})
    def status(self, row: AlertGroup) -> State:
        """Whether it fires."""
        return State(row.state, str(row.get_state_display()))

    @display(description=gettext_lazy("title"))
    def what(self, row: AlertGroup) -> str:
        """The title in one line."""
        return shorten(row.title, 80)

    @display(description=gettext_lazy("began"), ordering="started_at")
    def began(self, row: AlertGroup) -> str:
        """How long ago."""
        return age(row.started_at)

    @display(description=gettext_lazy("labels"))
    def shared_labels(self, row: AlertGroup) -> SafeString:
        """What its alerts share."""
        return pairs(row.labels)

    @display(description=gettext_lazy("annotations"))
    def shared_annotations(self, row: AlertGroup) -> SafeString:
        """What its alerts share."""
        return pairs(row.annotations)

    @display(description=gettext_lazy("alerts"))
    def single(self, row: AlertGroup) -> SafeString:
        """Each with all its labels, the firing ones first."""
        lines = [
            f"{RESOLVED if each.ends_at else '🔥'} {each.starts_at:%Y-%m-%d %H:%M:%S}  "
            + " ".join(f"{name}={value}" for name, value in sorted(each.labels.items()))
            for each in row.alerts.order_by("state", "pk")[:SHOWN_ALERTS]
        ]
        return text_block("\n".join(lines) or "–")

    @display(description=gettext_lazy("timeline"))
    def timeline(self, row: AlertGroup) -> SafeString:
        """What happened, a line each; of very much the newest."""
        zone = timezone.get_current_timezone()
        told = (
            (event.at, describe_event(event, zone)) for event in reversed(row.events.order_by("-id")[:SHOWN_EVENTS])
        )
        lines = [f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S}  {text}" for at, text in told]
        return text_block("\n".join(lines) or "–")

    @button(gettext_lazy("Acknowledge"), permission=PERMISSION, style="primary", shown=_waits)
    def take(self, request: HttpRequest, row: AlertGroup) -> str:
        """Give it to who presses."""
        actions.acknowledge(row.pk, actor=actor_of(request), origin=origin_of(request))
        return _("You have it now.")

    @button(gettext_lazy("Let go"), permission=PERMISSION, shown=_is_taken)
    def let_go(self, request: HttpRequest, row: AlertGroup) -> str:
        """Have it escalated again."""
        actions.release(row.pk, actor=actor_of(request), origin=origin_of(request))
        return _("Nobody has it now.")

    @button(
        gettext_lazy("Silence"),
        permission=PERMISSION,
        shown=lambda row: row.state == AlertGroup.State.FIRING,
        choices=("hours", [("1", "1 h"), ("4", "4 h"), ("24", "24 h")]),
    )
    def silence(self, request: HttpRequest, row: AlertGroup) -> str:
        """Keep it silent for a while."""
        hours = request.POST.get("hours", "1")
        length = timedelta(hours=int(hours) if hours in ("1", "4", "24") else 1)
        silencing.silence(row.pk, length=length, actor=actor_of(request), origin=origin_of(request))
        return _("It is silent for a while.")
