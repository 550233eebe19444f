"""What the guards said, to be filtered and read."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from clawsite.admin.base import RecordAdmin
from clawsite.admin.filters import choice_filter, prefix_filter
from guardrails.models import VerdictRecord
from guardrails.types import Action, Stage

ACTIONS = [(action.value, action.value) for action in Action if action is not Action.ALLOW]
STAGES = [(stage.value, stage.value.replace("_", " ")) for stage in Stage]
FAMILIES = [(name, name) for name in ("empty", "injection", "leak", "pii", "rate", "secret", "size", "tool", "url")]
COLOURS = {"warn": "warning", "mask": "info", "ask": "info", "block": "danger"}


@admin.register(VerdictRecord)
class VerdictAdmin(RecordAdmin):
    """Verdicts, newest first. The text they are about is in the inbox."""

    list_display = ("at", "outcome", "stage", "rule", "score", "detail", "subject", "session_ref")
    list_filter = (
        choice_filter("action", title=_("action"), choices=ACTIONS),
        choice_filter("stage", title=_("stage"), choices=STAGES),
        prefix_filter("rule", title=_("rule"), choices=FAMILIES),
        ("at", admin.DateFieldListFilter),
    )
    search_fields = ("rule", "subject", "session_ref", "trace_id")
    fieldsets = (
        (None, {"fields": ("at", "outcome", "stage", "rule", "score", "detail", "subject", "session_ref", "trace_id")}),
    )

    @display(description=_("action"), label=COLOURS)
    def outcome(self, row: VerdictRecord) -> str:
        """What followed."""
        return row.action
