"""Cards: messages that change in place, and what each says now."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from bots.cards.registry import list_cards
from clawsite.admin.base import RecordAdmin
from clawsite.admin.filters import name_filter
from clawsite.admin.showing import age, pretty_json, shorten
from sessions_app.models import Card


@admin.register(Card)
class CardAdmin(RecordAdmin):
    """The newest first. One that has changed was not queued yet."""

    list_display = ("id", "kind", "session", "version", "changed", "last", "problem")
    list_filter = (
        "changed",
        name_filter("kind", title=gettext_lazy("kind"), names=list_cards),
        ("changed_at", admin.DateFieldListFilter),
    )
    list_select_related = ("session",)
    search_fields = ("key", "error")
    fieldsets = (
        (None, {"fields": ("key", "kind", "session", "error", "created_at", "changed_at")}),
        (gettext_lazy("What it says"), {"fields": ("says",)}),
        (
            gettext_lazy("Details"),
            {"fields": ("version", "changed", "ring", "silent", "outbox", "remote"), "classes": ("collapse",)},
        ),
    )

    @display(description=gettext_lazy("last change"))
    def last(self, row: Card) -> str:
        """How long ago it changed."""
        return age(row.changed_at)

    @display(description=gettext_lazy("problem"))
    def problem(self, row: Card) -> str:
        """Why it is not shown."""
        return shorten(row.error, 60)

    @display(description=gettext_lazy("data"))
    def says(self, row: Card) -> SafeString:
        """The data its words are made of."""
        return pretty_json(row.data)

    @display(description=gettext_lazy("platform ids"))
    def remote(self, row: Card) -> SafeString:
        """The ids of the message in the chat."""
        return pretty_json(row.remote_ids)
