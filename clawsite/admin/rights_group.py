"""Sets of permissions for staff who are not superusers."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest

from clawsite.admin.base import SettingAdmin

admin.site.unregister(Group)


@admin.register(Group)
class RightsGroupAdmin(SettingAdmin, DjangoGroupAdmin):  # type: ignore[misc]
    """Changed by superusers only."""

    audit_name = "rights"
    list_display = ("name",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only a superuser."""
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only a superuser."""
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only a superuser."""
        return bool(request.user.is_superuser)
