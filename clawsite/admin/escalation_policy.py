"""Policies of escalation with their steps."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline

from clawsite.admin.base import SettingAdmin
from runbooks.models import EscalationPolicy, EscalationStep


class StepInline(TabularInline):
    """Whom to tell, and when."""

    model = EscalationStep
    fields = ("order", "after_minutes", "rota", "responder")
    extra = 0


@admin.register(EscalationPolicy)
class EscalationPolicyAdmin(SettingAdmin):
    """Steps for what nobody takes on. What runs already keeps the steps it began with."""

    list_display = ("name", "order", "least", "system", "repeats", "enabled")
    list_filter = ("enabled",)
    list_select_related = ("system",)
    search_fields = ("name",)
    inlines = (StepInline,)
    fieldsets = (
        (None, {"fields": ("name", "order", "enabled")}),
        (gettext_lazy("Which alerts"), {"fields": ("least", "system", "matchers")}),
        (gettext_lazy("How long"), {"fields": ("repeats", "remind_minutes")}),
    )
