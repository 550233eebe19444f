"""Channels: tokens go in and never come out, each kind has fields of its own, and a button tries the account."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from bots.probe import probe_channel
from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import ActionAdmin, AdminsOnly
from clawsite.admin.buttons import button
from clawsite.admin.channel_form import ChannelForm
from clawsite.admin.filters import choice_filter
from clawsite.admin.showing import age
from sessions_app.accounts import enable_channel, find_source, save_channel
from sessions_app.channels import TELEGRAM
from sessions_app.models import Channel

PERMISSION = "sessions_app.change_channel"
ENVIRONMENT = gettext_lazy(
    "Token, mode and API address of this channel come from the environment and are set again at each start."
)


@admin.register(Channel)
class ChannelAdmin(AdminsOnly, ActionAdmin):
    """One row for each account. Removing one is `manage.py channel remove`, because it takes everything with it."""

    form = ChannelForm
    list_display = ("name", "kind", "state", "bot", "access", "polled", "last_error")
    list_filter = (
        choice_filter(
            "enabled",
            title=gettext_lazy("state"),
            choices=(("True", gettext_lazy("on")), ("False", gettext_lazy("off"))),
        ),
    )
    search_fields = ("name",)
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Channel]:
        """Leave secrets in the database: a list needs none, and shows even when the key file is lost."""
        rows: QuerySet[Channel] = super().get_queryset(request).defer("token", "webhook_secret")
        return rows

    def get_fieldsets(self, request: HttpRequest, obj: Channel | None = None) -> Any:
        """Return the fields of the kind; who may only look sees whether a secret is set."""
        may = self.has_change_permission(request, obj) if obj else True
        secrets = ("new_token", "new_webhook_secret") if may else ("secrets",)
        first = ("name", "kind", "enabled", "access")
        account = (*secrets, *(("mode", "api_url") if may else ("settings_shown",)))
        if obj is not None and obj.kind != TELEGRAM:
            return [(None, {"fields": first})]
        note = ENVIRONMENT if obj is not None and find_source(obj) else None
        sets = [(None, {"fields": first}), (gettext_lazy("Telegram account"), {"fields": account, "description": note})]
        told = (gettext_lazy("What the platform says"), {"fields": ("bot", "polled", "last_error")})
        return sets if obj is None else [*sets, told]

    def get_readonly_fields(self, request: HttpRequest, obj: Channel | None = None) -> Any:
        """A channel keeps its kind."""
        shown = ("bot", "polled", "last_error", "secrets", "settings_shown")
        return shown if obj is None else ("kind", *shown)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: people, conversations and records hang on a channel. Switch it off, or use the command."""
        return False

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:
        """Store the row through the action that the command line uses too."""
        save_channel(obj, actor=actor_of(request), fields=form.changed_columns(), origin=origin_of(request))

    @display(description=gettext_lazy("state"), label={"on": "success", "off": "", "error": "danger"})
    def state(self, row: Channel) -> tuple[str, str]:
        """On, off, or in trouble."""
        if not row.enabled:
            return "off", _("off")
        return ("error", _("error")) if row.last_error else ("on", _("on"))

    @display(description=gettext_lazy("bot"))
    def bot(self, row: Channel) -> str:
        """The bot's name on the platform."""
        username = str(row.identity.get("username", ""))
        return f"@{username}" if username else "–"

    @display(description=gettext_lazy("last poll"))
    def polled(self, row: Channel) -> str:
        """How long ago the platform was last asked."""
        return age(row.last_poll_at)

    @display(description=gettext_lazy("secrets"))
    def secrets(self, row: Channel) -> str:
        """Whether there is a token; never which."""
        return _("set") if row.token else _("not set")

    @display(description=gettext_lazy("settings"))
    def settings_shown(self, row: Channel) -> SafeString:
        """Mode and API address, for those who may not change them."""
        config = row.config if isinstance(row.config, dict) else {}
        return format_html("{} {}", str(config.get("mode", "")), str(config.get("api_url", "")))

    @button(gettext_lazy("Test the connection"), permission=PERMISSION, style="primary")
    def test(self, request: HttpRequest, row: Channel) -> str:
        """Ask the platform who the bot is."""
        return probe_channel(row).sentence

    @button(gettext_lazy("Switch on"), permission=PERMISSION, shown=lambda row: not row.enabled)
    def enable(self, request: HttpRequest, row: Channel) -> str:
        """Start to receive and send."""
        enable_channel(row, actor=actor_of(request), enabled=True, origin=origin_of(request))
        return _("The channel is on.")

    @button(gettext_lazy("Switch off"), permission=PERMISSION, shown=lambda row: row.enabled)
    def disable(self, request: HttpRequest, row: Channel) -> str:
        """Stop receiving and sending."""
        enable_channel(row, actor=actor_of(request), enabled=False, origin=origin_of(request))
        return _("The channel is off. What comes in meanwhile waits at the platform.")
