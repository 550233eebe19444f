"""Who is woken: people, rotas with their shifts and swaps, policies with their steps, and escalations under way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.decorators import display

from clawsite.admin.actor import actor_of
from clawsite.admin.base import RecordAdmin, SettingAdmin
from clawsite.admin.showing import State, link, pretty_json, text_block
from runbooks.alerts.rota import find_on_call, list_turns, zone_of_rota
from runbooks.models import Escalation, EscalationPolicy, EscalationStep, Responder, Rota, Shift, Swap

AHEAD = timedelta(days=7)


class ShiftInline(TabularInline):
    """The hours of each person."""

    model = Shift
    fields = ("responder", "days", "starts", "ends", "every_weeks", "first_day", "last_day")
    extra = 0


class SwapInline(TabularInline):
    """Who takes over for a while."""

    model = Swap
    fields = ("responder", "starts_at", "ends_at")
    extra = 0


class StepInline(TabularInline):
    """Whom to tell, and when."""

    model = EscalationStep
    fields = ("order", "after_minutes", "rota", "responder")
    extra = 0


@admin.register(Responder)
class ResponderAdmin(SettingAdmin):
    """People who can be woken in their direct chat."""

    list_display = ("name", "contact", "quiet_from", "quiet_until", "enabled")
    list_select_related = ("contact",)
    search_fields = ("name", "contact__name")
    autocomplete_fields = ("contact",)
    fieldsets = (
        (None, {"fields": ("name", "contact", "enabled")}),
        (gettext_lazy("Quiet hours"), {"fields": (("quiet_from", "quiet_until"),)}),
    )


@admin.register(Rota)
class RotaAdmin(SettingAdmin):
    """Whose turn it is, and the week that comes of shifts and swaps."""

    list_display = ("name", "time_zone", "now_on_call")
    search_fields = ("name",)
    readonly_fields = ("week",)
    inlines = (ShiftInline, SwapInline)
    fieldsets = (
        (None, {"fields": ("name", "time_zone")}),
        (gettext_lazy("The next seven days"), {"fields": ("week",)}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Rota | None = None) -> Any:
        """A new one has no week yet."""
        return self.fieldsets if obj is not None else self.fieldsets[:1]

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Note who made a swap."""
        for row in formset.save(commit=False):
            if isinstance(row, Swap) and row._state.adding:
                row.created_by = actor_of(request).subject
            row.save()
        for row in formset.deleted_objects:
            row.delete()

    @display(description=gettext_lazy("on call now"))
    def now_on_call(self, row: Rota) -> str:
        """Whose turn it is."""
        turn = find_on_call(row, timezone.now())
        return str(turn.responder) if turn is not None else "–"

    @display(description=gettext_lazy("who is on call"))
    def week(self, row: Rota) -> SafeString:
        """Turn by turn, on the rota's own clock."""
        now, zone = timezone.now(), zone_of_rota(row)
        lines = [
            f"{turn.starts_at.astimezone(zone):%a %Y-%m-%d %H:%M} – {turn.ends_at.astimezone(zone):%a %H:%M %Z}  "
            f"{turn.responder}{' 🔁' if turn.swapped else ''}"
            for turn in list_turns(row, start=now, end=now + AHEAD)
        ]
        return text_block("\n".join(lines) or "–")


@admin.register(EscalationPolicy)
class EscalationPolicyAdmin(SettingAdmin):
    """Steps for what nobody takes on. What runs already keeps the steps it began with."""

    list_display = ("name", "order", "least", "system", "repeats", "enabled")
    list_filter = ("enabled",)
    list_select_related = ("system",)
    search_fields = ("name",)
    inlines = (StepInline,)
    fieldsets = (
        (None, {"fields": ("name", "order", "enabled")}),
        (gettext_lazy("Which alerts"), {"fields": ("least", "system", "matchers")}),
        (gettext_lazy("How long"), {"fields": ("repeats", "remind_minutes")}),
    )


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
