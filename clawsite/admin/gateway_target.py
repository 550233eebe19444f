"""Other gateways that jobs may be sent to: tokens go in and never come out, and a button tries the connection."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import ActionAdmin, AdminsOnly
from clawsite.admin.buttons import button
from clawsite.admin.gateway_target_form import GatewayTargetForm
from clawsite.admin.showing import State, age
from runbooks.models import GatewayTarget
from runbooks.targets.actions import enable_target, remove_target, save_target
from runbooks.targets.probe import probe_target

PERMISSION = "runbooks.change_gatewaytarget"
STATES = {
    "up": gettext_lazy("within reach"),
    "away": gettext_lazy("out of reach"),
    "off": gettext_lazy("off"),
    "unknown": gettext_lazy("not tried yet"),
}


@admin.register(GatewayTarget)
class GatewayTargetAdmin(AdminsOnly, ActionAdmin):
    """Only admins change them. One keeps its name, because jobs name it."""

    form = GatewayTargetForm
    list_display = ("name", "state", "ws_url", "capacity", "seen", "last_error")
    search_fields = ("name", "ws_url")
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[GatewayTarget]:
        """Leave tokens in the database: the pages show none."""
        rows: QuerySet[GatewayTarget] = super().get_queryset(request).defer("token")
        return rows

    def get_fieldsets(self, request: HttpRequest, obj: GatewayTarget | None = None) -> Any:
        """Return the fields to fill in; who may only look sees whether a token is set."""
        may = self.has_change_permission(request, obj) if obj else True
        work = ("repos", "label_words", "kind_words") if may else ("allowed_repos", "labels", "kinds")
        sets = [
            (None, {"fields": ("name", "enabled", "ws_url", "http_url")}),
            (gettext_lazy("Token"), {"fields": (("new_token" if may else "token_set"), "token_ref")}),
            (gettext_lazy("Which jobs"), {"fields": (*work, "capacity")}),
            (gettext_lazy("Encryption"), {"fields": ("ca_file", "cert_file", "key_file", "allow_plain")}),
        ]
        told = (gettext_lazy("What was seen"), {"fields": ("state", "seen", "away_since", "last_error")})
        return sets if obj is None else [*sets, told]

    def get_readonly_fields(self, request: HttpRequest, obj: GatewayTarget | None = None) -> Any:
        """What was seen, and the name of a known one."""
        shown = ("state", "seen", "away_since", "last_error", "token_set")
        return shown if obj is None else ("name", *shown)

    def save_model(self, request: HttpRequest, obj: GatewayTarget, form: Any, change: bool) -> None:
        """Store the row through the action."""
        save_target(obj, actor=actor_of(request), fields=form.changed_columns(), origin=origin_of(request))

    def delete_model(self, request: HttpRequest, obj: GatewayTarget) -> None:
        """Remove the row through the action; the dispatcher ends its jobs."""
        remove_target(obj, actor=actor_of(request), origin=origin_of(request))

    @display(
        description=gettext_lazy("state"), label={"up": "success", "away": "danger", "off": "", "unknown": "warning"}
    )
    def state(self, row: GatewayTarget) -> State:
        """Whether it is within reach, as the dispatcher last saw it."""
        return State(row.reach, str(STATES[row.reach]))

    @display(description=gettext_lazy("last seen"))
    def seen(self, row: GatewayTarget) -> str:
        """How long ago it answered."""
        return age(row.last_seen_at)

    @display(description=gettext_lazy("token"))
    def token_set(self, row: GatewayTarget) -> str:
        """Whether there is a token; never which."""
        return _("set") if row.token or row.token_ref else _("not set")

    @button(gettext_lazy("Test the connection"), permission=PERMISSION, style="primary")
    def test(self, request: HttpRequest, row: GatewayTarget) -> str:
        """Connect, and ask what it can do."""
        return probe_target(row)

    @button(gettext_lazy("Switch on"), permission=PERMISSION, shown=lambda row: not row.enabled)
    def enable(self, request: HttpRequest, row: GatewayTarget) -> str:
        """Send jobs there."""
        enable_target(row, actor=actor_of(request), enabled=True, origin=origin_of(request))
        return _("The gateway is on.")

    @button(gettext_lazy("Switch off"), permission=PERMISSION, shown=lambda row: row.enabled)
    def disable(self, request: HttpRequest, row: GatewayTarget) -> str:
        """Send nothing new there."""
        enable_target(row, actor=actor_of(request), enabled=False, origin=origin_of(request))
        return _("The gateway is off. The jobs it has go on; nothing new is sent there.")
