"""People who can be woken, and in which hours only for what is critical."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy

from clawsite.admin.base import SettingAdmin
from runbooks.models import Responder


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
