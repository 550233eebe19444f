"""Connections of projects to forges: secrets go in and never come out, and a button asks the forge now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import AdminsOnly, SettingAdmin
from clawsite.admin.buttons import button
from clawsite.admin.channel_form import KEEP, secret_field
from clawsite.core.crypto import LostSecret
from runbooks.models import ForgeConnection
from runbooks.workspaces.pipelines.connections import probe_connection, remove_connection, save_connection

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[ForgeConnection]
else:
    _ModelForm = forms.ModelForm

PERMISSION = "runbooks.change_forgeconnection"
SECRETS = {"new_token": "token", "new_webhook_secret": "webhook_secret"}  # nosec B105  # names of columns
WHERE = ("project", "kind", "api_url", "repository", "workflow", "enabled")


class ForgeConnectionForm(_ModelForm):
    """Secrets are no fields of the model here, so that nothing can put stored ones into the page."""

    new_token = secret_field(gettext_lazy("Token"), KEEP)
    new_webhook_secret = secret_field(gettext_lazy("Webhook secret"), KEEP)

    class Meta:
        """Fields that are columns as they are."""

        model = ForgeConnection
        fields = WHERE

    def clean(self) -> dict[str, Any]:
        """Put the secrets on the row, where the model checks them."""
        data = super().clean() or self.cleaned_data
        for field, column in SECRETS.items():
            if data.get(field):
                setattr(self.instance, column, data[field].strip())
        return data

    def add_error(self, field: str | None, error: Any) -> None:
        """Show what the model says of a secret at the field where it is entered."""
        if isinstance(error, forms.ValidationError) and hasattr(error, "error_dict"):
            places = {column: name for name, column in SECRETS.items()}
            error = forms.ValidationError({places.get(name, name): said for name, said in error.error_dict.items()})
        super().add_error(field, error)

    def changed_columns(self) -> list[str]:
        """Return the names of the columns that the form changes."""
        return sorted({SECRETS.get(name, name) for name in self.changed_data})


@admin.register(ForgeConnection)
class ForgeConnectionAdmin(AdminsOnly, SettingAdmin):
    """Only admins change them: an address here is asked from inside of our network, with a token."""

    form = ForgeConnectionForm
    list_display = ("project", "kind", "repository", "enabled", "error")
    list_filter = ("kind", "enabled")
    list_select_related = ("project",)
    search_fields = ("project__name", "project__key", "repository")
    readonly_fields = ("stored", "webhook", "error", "failures")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ForgeConnection]:
        """Leave the token in the database: the pages show none."""
        rows: QuerySet[ForgeConnection] = super().get_queryset(request).select_related("project")
        return rows

    def get_fieldsets(self, request: HttpRequest, obj: ForgeConnection | None = None) -> Any:
        """Return the fields to fill in; who may only look has none for the secrets."""
        may = obj is None or self.has_change_permission(request, obj)
        sets: list[Any] = [
            (None, {"fields": WHERE}),
            (gettext_lazy("Secrets"), {"fields": (*(SECRETS if may else ()), *(("stored",) if obj else ()))}),
        ]
        return [*sets, (gettext_lazy("As it stands"), {"fields": ("webhook", "error", "failures")})] if obj else sets

    def save_model(self, request: HttpRequest, obj: ForgeConnection, form: Any, change: bool) -> None:
        """Store the row through the action."""
        save_connection(obj, actor=actor_of(request), fields=form.changed_columns(), origin=origin_of(request))

    def delete_model(self, request: HttpRequest, obj: ForgeConnection) -> None:
        """Remove the row through the action."""
        remove_connection(obj, actor=actor_of(request), origin=origin_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ForgeConnection]) -> None:
        """Remove several, each through the action."""
        for row in queryset:
            self.delete_model(request, row)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The action has written its own audit row."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The action has written its own audit row."""

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """The action writes its own audit row."""

    @display(description=gettext_lazy("stored"))
    def stored(self, row: ForgeConnection) -> str:
        """Which secrets there are; never what they are."""
        if any(isinstance(getattr(row, column), LostSecret) for column in SECRETS.values()):
            return _("cannot be decrypted; enter them anew")
        names = [
            name
            for column, name in (("token", _("Token")), ("webhook_secret", _("Webhook secret")))
            if getattr(row, column)
        ]
        return ", ".join(names) or _("not set")

    @display(description=gettext_lazy("webhook address"))
    def webhook(self, row: ForgeConnection) -> str:
        """Where the forge has to send its deliveries."""
        return f"{settings.CLAW_PUBLIC_URL}/webhook/ci/{row.project.key}"

    @button(
        gettext_lazy("Test"),
        permission=PERMISSION,
        style="primary",
        shown=lambda row: row.kind != ForgeConnection.Kind.GENERIC,
    )
    def test(self, request: HttpRequest, row: ForgeConnection) -> str:
        """Ask the forge for its newest pipelines."""
        return probe_connection(row)
