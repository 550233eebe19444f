"""Conversations: their settings, the way to the transcript, and the end of one for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import SettingAdmin
from clawsite.admin.buttons import button
from clawsite.admin.showing import age
from clawsite.admin.transcript import read_page
from clawsite.core.zones import is_time_zone
from sessions_app.models import Session
from sessions_app.purge import purge_session

LANGUAGES = [("", gettext_lazy("The person's own")), *settings.LANGUAGES]


if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Session]
else:
    _ModelForm = forms.ModelForm


class SessionForm(_ModelForm):
    """What may be set for one conversation."""

    language = forms.ChoiceField(
        label=gettext_lazy("Language"), required=False, choices=LANGUAGES, widget=UnfoldAdminSelectWidget()
    )
    time_zone = forms.CharField(
        label=gettext_lazy("Time zone"),
        required=False,
        help_text=gettext_lazy("Such as America/Sao_Paulo. Empty: the one of the environment."),
        widget=UnfoldAdminTextInputWidget(),
    )

    class Meta:
        """The settings."""

        model = Session
        fields = ("language", "time_zone", "model", "trigger", "memory")

    def clean_time_zone(self) -> str:
        """Refuse a zone nobody knows."""
        zone = str(self.cleaned_data["time_zone"]).strip()
        if zone and not is_time_zone(zone):
            raise forms.ValidationError(_("There is no time zone of this name."))
        return zone


@admin.register(Session)
class SessionAdmin(SettingAdmin):
    """Settings can be edited; what was said cannot."""

    form = SessionForm
    list_display = ("__str__", "channel", "kind", "last_seq", "active", "read")
    list_filter = ("kind", "trigger", "channel")
    list_select_related = ("channel",)
    search_fields = ("title", "chat_id")
    ordering = ("-active_at",)
    known = (
        "title",
        "kind",
        "channel",
        "chat_id",
        "thread_id",
        "created_at",
        "active_at",
        "last_seq",
        "start_seq",
        "epoch",
        "token_ratio",
    )
    readonly_fields = known
    fieldsets = (
        (gettext_lazy("Settings"), {"fields": SessionForm.Meta.fields}),
        (gettext_lazy("About"), {"fields": known, "classes": ("collapse",)}),
    )
    change_form_outer_before_template = "admin/session_top.html"

    def save_model(self, request: HttpRequest, obj: Session, form: Any, change: bool) -> None:
        """Write the settings alone: a message that comes meanwhile has raised the session's count."""
        obj.save(update_fields=SessionForm.Meta.fields)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: a conversation begins with a message."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: the button below also removes files and raw updates."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """Add the transcript."""
        view = self.admin_site.admin_view(self.transcript)
        return [path("<int:pk>/transcript/", view, name="sessions_app_session_transcript"), *super().get_urls()]

    def transcript(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show what was said, newest first in pages, oldest first on the page."""
        session = Session.objects.select_related("channel").filter(pk=pk).first()
        allowed = self.has_view_permission(request, session) and request.user.has_perm("sessions_app.view_message")
        if session is None or not allowed:
            raise Http404
        before = request.GET.get("before", "")
        page = read_page(session, before=int(before) if before.isdecimal() and len(before) < 10 else None)
        context = {
            **self.admin_site.each_context(request),
            "title": str(session),
            "subtitle": _("Transcript"),
            "opts": self.model._meta,
            "session": session,
            "page": page,
        }
        return TemplateResponse(request, "admin/transcript.html", context)

    @display(description=gettext_lazy("active"), ordering="active_at")
    def active(self, row: Session) -> str:
        """When something was last said."""
        return age(row.active_at)

    @display(description=gettext_lazy("transcript"))
    def read(self, row: Session) -> SafeString:
        """The way to the transcript."""
        url = reverse("admin:sessions_app_session_transcript", args=[row.pk])
        return format_html('<a class="claw-link" href="{}#end">{}</a>', url, _("Read"))

    @button(
        gettext_lazy("Delete the conversation"),
        permission="sessions_app.delete_session",
        style="danger",
        confirm=gettext_lazy(
            "All messages, facts and files of this conversation will be gone for good, and what the guards recorded "
            "about it. The person stays known."
        ),
    )
    def purge(self, request: HttpRequest, row: Session) -> str:
        """Remove the conversation with everything in it."""
        count = purge_session(row, actor=actor_of(request), origin=origin_of(request))
        return _("The conversation with its {count} messages is gone.").format(count=count)
