"""Environments: only here is granted what their commands may run on the host, and which private address is asked."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from clawsite.admin.base import AdminsOnly, SettingAdmin
from runbooks.models import Environment, EnvironmentLock


@admin.register(Environment)
class EnvironmentAdmin(AdminsOnly, SettingAdmin):
    """Only admins change them: what is granted here runs on this machine. claw.yaml names them; the first look at it
    makes the row."""

    list_display = ("name", "project", "url", "frozen", "locked")
    list_select_related = ("project", "lock")
    list_filter = ("frozen", "name")
    search_fields = ("name", "project__name")
    readonly_fields = ("project", "name", "position", "locked")
    fieldsets = ((None, {"fields": ("project", "name", "position", "url", "host", "frozen", "locked")}),)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: they come by themselves."""
        return False

    @display(description=gettext_lazy("locked"))
    def locked(self, row: Environment) -> str:
        """Who keeps others away, and why."""
        lock: EnvironmentLock | None = getattr(row, "lock", None)
        if lock is None:
            return "–"
        return _("{who}: {reason}").format(who=lock.owner_name or lock.owner, reason=lock.reason)
