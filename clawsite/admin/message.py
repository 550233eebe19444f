"""Messages, to be searched and read. They are read best in the transcript of their conversation."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from clawsite.admin.base import RecordAdmin
from clawsite.admin.showing import link, pretty_json, shorten, text_block
from sessions_app.models import Message


@admin.register(Message)
class MessageAdmin(RecordAdmin):
    """What was said is never rewritten."""

    list_display = ("created_at", "where", "role", "said", "tokens")
    list_filter = ("role", ("created_at", admin.DateFieldListFilter))
    list_select_related = ("session",)
    search_fields = ("text",)
    fieldsets = (
        (None, {"fields": ("where", "role", "who", "words", "tokens", "created_at")}),
        (_("Details"), {"fields": ("seq", "external_id", "details"), "classes": ("collapse",)}),
    )

    @display(description=_("conversation"))
    def where(self, row: Message) -> SafeString:
        """The place in the transcript."""
        url = reverse("admin:sessions_app_session_transcript", args=[row.session_id])
        return format_html(
            '<a class="claw-link" href="{}?before={}#m{}">{}</a>', url, row.seq + 1, row.seq, row.session
        )

    @display(description=_("said"))
    def said(self, row: Message) -> str:
        """The beginning of the text."""
        return shorten(row.text)

    @display(description=_("person"))
    def who(self, row: Message) -> SafeString | str:
        """Who said it."""
        return link(row.contact)

    @display(description=_("text"))
    def words(self, row: Message) -> SafeString:
        """The whole text."""
        return text_block(row.text)

    @display(description=_("data"))
    def details(self, row: Message) -> SafeString:
        """Buttons, edits, reactions."""
        return pretty_json(row.data)
