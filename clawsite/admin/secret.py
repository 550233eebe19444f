"""Secrets that were entered instead of given by the environment. They are written and never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from bots.agent.keys import forget_keys
from clawsite.admin.base import AdminsOnly, SettingAdmin
from clawsite.admin.channel_form import secret_field
from clawsite.core.models import Secret

# Made and removed by the first admin's link, which is nobody's to edit.
INTERNAL = ("FIRST_LOGIN",)


if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Secret]
else:
    _ModelForm = forms.ModelForm


class SecretForm(_ModelForm):
    """A name and a value; the value of a stored secret is in no page."""

    new_value = secret_field(_("Value"), _("It is stored encrypted and never shown again."))

    class Meta:
        """The name alone comes from the row."""

        model = Secret
        fields = ("name",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "new_value" in self.fields:
            self.fields["new_value"].required = True
        if "name" in self.fields:
            self.fields["name"].help_text = _(
                "As the setting is called, such as ANTHROPIC_API_KEY or MODEL_KEY_host:port."
            )

    def clean_name(self) -> str:
        """Refuse the names that the system uses itself."""
        name = str(self.cleaned_data["name"]).strip()
        if name in INTERNAL:
            raise forms.ValidationError(_("This name is used by the system."))
        return name


@admin.register(Secret)
class SecretAdmin(AdminsOnly, SettingAdmin):
    """Only admins come here."""

    form = SecretForm
    list_display = ("name", "updated_at")
    search_fields = ("name",)
    ordering = ("name",)
    fields = ("name", "new_value")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Secret]:
        """Leave the values in the database."""
        rows: QuerySet[Secret] = super().get_queryset(request).defer("value").exclude(name__in=INTERNAL)
        return rows

    def get_fields(self, request: HttpRequest, obj: Secret | None = None) -> Any:
        """Show the field for a new value to those who may give one."""
        may = self.has_change_permission(request, obj) if obj else True
        return ("name", "new_value") if may else ("name", "updated_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Secret | None = None) -> Any:
        """A secret keeps its name."""
        return ("updated_at",) if obj is None else ("name", "updated_at")

    def save_model(self, request: HttpRequest, obj: Secret, form: Any, change: bool) -> None:
        """Encrypt the new value; calls of this process use it at once, others within seconds."""
        obj.value = form.cleaned_data["new_value"].strip()
        super().save_model(request, obj, form, change)
        transaction.on_commit(forget_keys)  # before it, another thread would read the old one once more
