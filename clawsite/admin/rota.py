"""Rotas: shifts and swaps in one form, and the week that comes of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.decorators import display

from clawsite.admin.actor import actor_of
from clawsite.admin.base import SettingAdmin
from clawsite.admin.showing import text_block
from runbooks.alerts.rota import find_on_call, list_turns, zone_of_rota
from runbooks.models import Rota, Shift, Swap

AHEAD = timedelta(days=7)


class ShiftInline(TabularInline):
    """The hours of each person."""

    model = Shift
    fields = ("responder", "days", "starts", "ends", "every_weeks", "first_day", "last_day")
    extra = 0


class SwapInline(TabularInline):
    """Who takes over for a while. What is over is left out: chats add to it, and Django takes 1000 fields at most."""

    model = Swap
    fields = ("responder", "starts_at", "ends_at")
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Swap]:
        """Return those that end yesterday or later; whole days, so that hardly one is over while a form is open."""
        today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
        rows: QuerySet[Swap] = super().get_queryset(request).filter(ends_at__gte=today - timedelta(days=1))
        return rows


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
