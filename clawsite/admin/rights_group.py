"""Sets of permissions for staff who are not superusers."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group

from clawsite.admin.base import AdminsOnly, SettingAdmin

admin.site.unregister(Group)


@admin.register(Group)
class RightsGroupAdmin(AdminsOnly, SettingAdmin, DjangoGroupAdmin):  # type: ignore[misc]
    """Changed by superusers only."""

    audit_name = "rights"
    list_display = ("name",)
