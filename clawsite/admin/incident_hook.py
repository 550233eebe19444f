"""Outside ticket systems that follow incidents: secrets go in and never come out, and a button tries the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from clawsite.admin.base import AdminsOnly, SettingAdmin
from clawsite.admin.buttons import button
from clawsite.admin.channel_form import KEEP, secret_field
from clawsite.admin.showing import age, mask_address
from runbooks.incidents.posting import post_test
from runbooks.models import IncidentHook

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[IncidentHook]
else:
    _ModelForm = forms.ModelForm

PERMISSION = "runbooks.change_incidenthook"


class IncidentHookForm(_ModelForm):
    """The secret is no field of the model here, so that nothing can put a stored one into the page."""

    new_secret = secret_field(gettext_lazy("Secret"), KEEP)

    class Meta:
        """Fields that are columns as they are."""

        model = IncidentHook
        fields = ("name", "enabled", "url", "least")

    def clean(self) -> dict[str, Any]:
        """Put the secret on the row, where the model checks it."""
        data = super().clean() or self.cleaned_data
        if data.get("new_secret"):
            self.instance.secret = data["new_secret"].strip()
        return data

    def add_error(self, field: str | None, error: Any) -> None:
        """Show what the model says of the secret at the field where it is entered."""
        if isinstance(error, forms.ValidationError) and hasattr(error, "error_dict") and "secret" in error.error_dict:
            named = dict(error.error_dict)
            named["new_secret"] = named.pop("secret")
            error = forms.ValidationError(named)
        super().add_error(field, error)


@admin.register(IncidentHook)
class IncidentHookAdmin(AdminsOnly, SettingAdmin):
    """Only admins change them, and only they see whole addresses: ticket systems take paths for passwords."""

    form = IncidentHookForm
    search_fields = ("name",)
    ordering = ("name",)
    readonly_fields = ("address", "sent", "last_error")

    def get_queryset(self, request: HttpRequest) -> QuerySet[IncidentHook]:
        """Leave secrets in the database: the pages show none."""
        rows: QuerySet[IncidentHook] = super().get_queryset(request).defer("secret")
        return rows

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Return the columns; who may not change an address sees which host it is."""
        return ("name", "enabled", self._address_of(request), "least", "sent", "last_error")

    def _address_of(self, request: HttpRequest, row: IncidentHook | None = None) -> str:
        return "url" if self.has_change_permission(request, row) else "address"

    def get_fieldsets(self, request: HttpRequest, obj: IncidentHook | None = None) -> Any:
        """Return the fields to fill in; who may only look has none for the secret."""
        secret = ("new_secret",) if obj is None or self.has_change_permission(request, obj) else ()
        told = (gettext_lazy("As it stands"), {"fields": ("sent", "last_error")})
        address = self._address_of(request, obj)
        return [(None, {"fields": ("name", "enabled", address, *secret, "least")}), *([told] if obj else [])]

    @display(description=gettext_lazy("address"))
    def address(self, row: IncidentHook) -> str:
        """Where it is, without what follows the host."""
        return mask_address(row.url)

    @display(description=gettext_lazy("last sent"))
    def sent(self, row: IncidentHook) -> str:
        """How long ago it took an event."""
        return age(row.last_sent_at)

    @button(gettext_lazy("Send a test"), permission=PERMISSION, style="primary")
    def test(self, request: HttpRequest, row: IncidentHook) -> str:
        """Post an event of no incident."""
        post_test(row)
        return _("The test was accepted.")
