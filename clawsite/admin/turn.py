"""Turns: how each message was worked on, what it cost, which tools ran."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import display

from clawsite.admin.base import RecordAdmin
from clawsite.admin.showing import link, pretty_json
from sessions_app.models import ToolCall, Turn

COLOURS = {"running": "info", "parked": "warning", "done": "success", "failed": "danger", "cancelled": ""}


class ToolCallInline(TabularInline):
    """The tool calls of a turn, to be read."""

    model = ToolCall
    fields = ("tool", "state", "asked", "answered", "started_at", "finished_at")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    @display(description=_("arguments"))
    def asked(self, row: ToolCall) -> SafeString:
        """What the tool was given."""
        return pretty_json(row.arguments)

    @display(description=_("result"))
    def answered(self, row: ToolCall) -> SafeString:
        """What the model was told."""
        return pretty_json(row.result)


@admin.register(Turn)
class TurnAdmin(RecordAdmin):
    """Runs of the pipeline, newest first."""

    list_display = ("started_at", "session", "status", "outcome", "model", "input_tokens", "output_tokens", "cost_usd")
    list_filter = ("state", "tainted", ("finished_at", admin.DateFieldListFilter))
    list_select_related = ("session",)
    search_fields = ("trace_id", "outcome", "model")
    inlines = (ToolCallInline,)
    fieldsets = (
        (None, {"fields": ("where", "state", "outcome", "attempt", "tainted", "started_at", "finished_at")}),
        (_("Model"), {"fields": ("model", "input_tokens", "cached_tokens", "output_tokens", "cost_usd")}),
        (_("Prompt and stages"), {"fields": ("prompt", "times", "trace_id"), "classes": ("collapse",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Turn]:
        """Leave out what a list does not show and a page does not need."""
        rows: QuerySet[Turn] = super().get_queryset(request).defer("draft", "agent_state")
        return rows

    @display(description=_("conversation"))
    def where(self, row: Turn) -> SafeString | str:
        """Whose turn it was."""
        return link(row.session)

    @display(description=_("state"), label=COLOURS)
    def status(self, row: Turn) -> tuple[str, str]:
        """Where it stands."""
        return row.state, row.get_state_display()

    @display(description=_("prompt"))
    def prompt(self, row: Turn) -> SafeString:
        """Layers, tokens and what was trimmed."""
        return pretty_json(row.report)

    @display(description=_("milliseconds by stage"))
    def times(self, row: Turn) -> SafeString:
        """How long each stage took."""
        return pretty_json(row.stages)
