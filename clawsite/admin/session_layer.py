"""What single conversations say in a layer instead of the general text."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from clawsite.admin.base import SettingAdmin
from clawsite.admin.showing import shorten
from sessions_app.models import SessionLayer
from sessions_app.tokens import estimate


@admin.register(SessionLayer)
class SessionLayerAdmin(SettingAdmin):
    """Overrides may be added, changed and taken away."""

    list_display = ("session", "layer", "says", "tokens", "budget")
    list_filter = ("layer",)
    list_select_related = ("session", "layer")
    search_fields = ("session__title", "session__chat_id", "text")
    autocomplete_fields = ("session",)
    ordering = ("-id",)
    fields = ("session", "layer", "text", "budget")

    @display(description=_("text"))
    def says(self, row: SessionLayer) -> str:
        """The beginning of the text."""
        return shorten(row.text)

    @display(description=_("tokens"))
    def tokens(self, row: SessionLayer) -> int:
        """The estimated size."""
        return estimate(row.text)
