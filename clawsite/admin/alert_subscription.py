"""Which chats are shown which alerts."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from bots.commands.subscriptions import describe
from clawsite.admin.actor import actor_of
from clawsite.admin.base import SettingAdmin
from runbooks.models import AlertSubscription


@admin.register(AlertSubscription)
class AlertSubscriptionAdmin(SettingAdmin):
    """Rows that people edit; in a chat there is /subscribe for the same."""

    list_display = ("session", "words", "enabled")
    list_filter = ("least", "enabled")
    list_select_related = ("session", "system")
    search_fields = ("session__title", "session__chat_id")
    autocomplete_fields = ("session",)
    fieldsets = (
        (None, {"fields": ("session", "enabled")}),
        (gettext_lazy("Which alerts"), {"fields": ("least", "system", "matchers")}),
        (gettext_lazy("Quiet hours"), {"fields": (("quiet_from", "quiet_until"),)}),
    )

    @display(description=gettext_lazy("in words"))
    def words(self, row: AlertSubscription) -> str:
        """What the chat is shown."""
        return describe(row)

    def save_model(self, request: HttpRequest, obj: AlertSubscription, form: Any, change: bool) -> None:
        """Note who made it."""
        if not change:
            obj.created_by = actor_of(request).subject
        super().save_model(request, obj, form, change)
