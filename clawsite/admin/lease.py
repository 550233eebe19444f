"""Leases: who has the right to do something alone right now."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from clawsite.admin.base import RecordAdmin
from clawsite.admin.showing import age
from clawsite.core.models import Lease


@admin.register(Lease)
class LeaseAdmin(RecordAdmin):
    """Held ones have an owner."""

    list_display = ("name", "owner", "token", "taken")
    list_filter = (("owner", admin.EmptyFieldListFilter),)
    list_select_related = ("owner",)
    search_fields = ("name",)
    ordering = ("-taken_at",)
    fieldsets = ((None, {"fields": ("name", "owner", "token", "taken_at")}),)

    @display(description=_("taken"))
    def taken(self, row: Lease) -> str:
        """How long ago."""
        return age(row.taken_at)
