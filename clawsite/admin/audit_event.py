"""The audit log: who did what, to what, from where. Rows are only ever read here."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from clawsite.admin.base import RecordAdmin
from clawsite.admin.filters import prefix_filter
from clawsite.admin.showing import pretty_json, shorten
from clawsite.core.models import AuditEvent

PEOPLE = ("approval", "contact", "group", "login", "logout", "rights", "user")
THINGS = ("channel", "fact", "inbox", "keys", "outbox", "promptlayer", "secret", "session", "sessionlayer")
FAMILIES = [(noun, noun) for noun in sorted(PEOPLE + THINGS)]


@admin.register(AuditEvent)
class AuditEventAdmin(RecordAdmin):
    """Newest first."""

    list_display = ("at", "actor", "action", "subject", "origin", "more")
    list_filter = (prefix_filter("action", title=_("action"), choices=FAMILIES), ("at", admin.DateFieldListFilter))
    search_fields = ("=actor", "action", "=subject", "origin")
    fieldsets = ((None, {"fields": ("at", "actor", "action", "subject", "origin", "details")}),)

    @display(description=_("details"))
    def more(self, row: AuditEvent) -> str:
        """The beginning of the details."""
        return shorten(", ".join(f"{name}: {value}" for name, value in row.data.items()), 80) if row.data else ""

    @display(description=_("details"))
    def details(self, row: AuditEvent) -> SafeString:
        """All of them."""
        return pretty_json(row.data)
