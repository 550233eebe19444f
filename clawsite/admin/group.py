"""Groups the bot was seen in: whether it may speak there, and to whom."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import SettingAdmin
from clawsite.admin.buttons import button
from sessions_app.contacts import allow_group
from sessions_app.models import GroupAccess

PERMISSION = "sessions_app.change_groupaccess"


@admin.register(GroupAccess)
class GroupAdmin(SettingAdmin):
    """A group is off until an admin allows it."""

    audit_name = "group"
    list_display = ("__str__", "channel", "allowed", "chat_id", "created_at")
    list_filter = ("allowed", "channel")
    list_select_related = ("channel",)
    search_fields = ("title", "chat_id")
    ordering = ("-id",)
    fields = ("members", "title", "chat_id", "channel", "allowed", "created_at")
    readonly_fields = fields[1:]
    autocomplete_fields = ("members",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: a group appears when the bot is spoken to in it."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: forbid it instead."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only an admin decides who may talk where."""
        return bool(request.user.is_superuser) and super().has_change_permission(request, obj)

    @button(
        gettext_lazy("Allow"), permission=PERMISSION, style="primary", shown=lambda row: not row.allowed, in_list=True
    )
    def allow(self, request: HttpRequest, row: GroupAccess) -> str:
        """Let the bot speak here."""
        allow_group(row, actor=actor_of(request), allowed=True, origin=origin_of(request))
        return _("The bot answers in {name} now.").format(name=row)

    @button(gettext_lazy("Forbid"), permission=PERMISSION, style="danger", shown=lambda row: row.allowed, in_list=True)
    def forbid(self, request: HttpRequest, row: GroupAccess) -> str:
        """Keep the bot silent here."""
        allow_group(row, actor=actor_of(request), allowed=False, origin=origin_of(request))
        return _("The bot is silent in {name} now.").format(name=row)
