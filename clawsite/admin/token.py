"""Tokens of the gateway. A secret is said once, on the page after the one that made it, and is nowhere else."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminIntegerFieldWidget

from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import SettingAdmin
from clawsite.admin.buttons import button
from clawsite.admin.showing import State, age
from clawsite.gateway.principal import Scope
from clawsite.gateway.tokens import create_token, revoke_token, rotate_token
from clawsite.models import GatewayToken
from sessions_app.contacts import require_admin

PERMISSION = "clawsite.change_gatewaytoken"
MOST_DAYS = 3650

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[GatewayToken]
else:
    _ModelForm = forms.ModelForm


class TokenForm(_ModelForm):
    """What a new token is for, what it may do, and how long."""

    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("Rights"),
        choices=[(str(scope), str(scope).removeprefix("operator.")) for scope in Scope],
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        initial=[str(Scope.READ)],
        help_text=gettext_lazy("Write includes read, admin includes everything and shows what belongs to others."),
    )
    days = forms.IntegerField(
        label=gettext_lazy("Days"),
        required=False,
        min_value=1,
        max_value=MOST_DAYS,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text=gettext_lazy("Empty: until it is revoked."),
    )

    class Meta:
        """Fields that are columns as they are."""

        model = GatewayToken
        fields = ("name", "user")


@admin.register(GatewayToken)
class TokenAdmin(SettingAdmin):
    """A token is made, rotated and revoked, never edited; only admins do."""

    audit_name = "token"
    form = TokenForm
    list_display = ("name", "prefix", "state", "rights", "user", "used", "expires_at")
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__username")
    ordering = ("-id",)

    def get_fieldsets(self, request: HttpRequest, obj: GatewayToken | None = None) -> Any:
        """Return the form of a new token, or all there is to know of an old one."""
        if obj is None:
            return [(None, {"fields": ("name", "scopes", "days", "user")})]
        shown = ("name", "prefix", "state", "rights", "user", "created_by", "created_at", "used", "expires_at")
        return [(None, {"fields": (*shown, "revoked_at", "replaced_by")})]

    def get_readonly_fields(self, request: HttpRequest, obj: GatewayToken | None = None) -> Any:
        """Show what is no field."""
        return ("state", "rights", "used")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only an admin."""
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: the audit log names tokens. Revoke them."""
        return False

    def save_model(self, request: HttpRequest, obj: GatewayToken, form: Any, change: bool) -> None:
        """Make the token and say its secret."""
        days = form.cleaned_data["days"]
        token, secret = create_token(
            obj.name,
            scopes=form.cleaned_data["scopes"],
            actor=actor_of(request).subject,
            user_id=obj.user_id,
            expires_at=timezone.now() + timedelta(days=days) if days else None,
            origin=origin_of(request),
        )
        obj.pk = token.pk
        obj.refresh_from_db()
        messages.warning(request, _tell(secret))

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The action has written its own audit row."""

    @display(
        description=gettext_lazy("state"),
        label={"live": "success", "rotated": "warning", "expired": "", "revoked": "danger"},
    )
    def state(self, row: GatewayToken) -> State:
        """Whether it opens a connection."""
        words = {"live": _("in use"), "rotated": _("replaced"), "expired": _("expired"), "revoked": _("revoked")}
        return State(row.state, words[row.state])

    @display(description=gettext_lazy("rights"))
    def rights(self, row: GatewayToken) -> str:
        """What it may do."""
        return ", ".join(scope.removeprefix("operator.") for scope in row.scopes)

    @display(description=gettext_lazy("last used"), ordering="last_used_at")
    def used(self, row: GatewayToken) -> str:
        """How long ago a connection had it."""
        return age(row.last_used_at)

    @button(
        gettext_lazy("Rotate"),
        permission=PERMISSION,
        shown=lambda row: row.state == "live",
        confirm=gettext_lazy("Make a new token with the same rights? This one works for another day."),
    )
    def rotate(self, request: HttpRequest, row: GatewayToken) -> str:
        """Make a successor and say its secret. Who learns it may do what the token may, so only an admin does."""
        require_admin(actor_of(request))
        _new, secret = rotate_token(row, actor=actor_of(request).subject, origin=origin_of(request))
        return _tell(secret)

    @button(
        gettext_lazy("Revoke"),
        permission=PERMISSION,
        style="danger",
        shown=lambda row: row.state in ("live", "rotated"),
        confirm=gettext_lazy("End this token and close its connections, for good?"),
    )
    def revoke(self, request: HttpRequest, row: GatewayToken) -> str:
        """End it."""
        revoke_token(row, actor=actor_of(request).subject, origin=origin_of(request))
        return _("The token is revoked.")


def _tell(secret: str) -> str:
    return _("The new token, which is not shown again: {secret}").format(secret=secret)
