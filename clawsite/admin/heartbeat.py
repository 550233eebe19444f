"""Watchdogs that were heard, and how long each may be silent."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from clawsite.admin.base import SettingAdmin
from runbooks.models import Heartbeat


@admin.register(Heartbeat)
class HeartbeatAdmin(SettingAdmin):
    """Watchdogs that were heard. The first delivery makes the row."""

    list_display = ("name", "system", "every_seconds", "last_at", "missing", "enabled")
    list_select_related = ("system",)
    search_fields = ("name",)
    readonly_fields = ("name", "system", "last_at", "missing")
    fieldsets = ((None, {"fields": ("name", "system", "enabled", "every_seconds", "last_at", "missing")}),)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: it comes by itself."""
        return False
