"""The form of a monitored system: labels as lines of text, and credentials that are only ever written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from clawsite.admin.channel_form import secret_field
from clawsite.core.crypto import LostSecret
from clawsite.core.errors import BadInput
from runbooks.models import MonitoredSystem
from runbooks.sources.credentials import SERVICES, change

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[MonitoredSystem]
else:
    _ModelForm = forms.ModelForm

SECRET_HELP = _("A token, or user:password. Leave empty to keep what is stored; - removes it.")
SECRETS = {f"new_{service}": service for service in SERVICES}
COLUMNS = {"label_lines": "labels"} | dict.fromkeys(SECRETS, "credentials")


class MonitoredSystemForm(_ModelForm):
    """Credentials are no fields of the model here, so that nothing can put stored ones into the page."""

    label_lines = forms.CharField(
        label=_("Labels"),
        help_text=_("One a line, as name=value. Alerts that carry all of them are about this system."),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        max_length=10_000,
    )
    new_system = secret_field(_("Of the system itself"), SECRET_HELP)
    new_prometheus = secret_field(_("Of Prometheus"), SECRET_HELP)
    new_alertmanager = secret_field(_("Of Alertmanager"), SECRET_HELP)

    class Meta:
        """Fields that are columns as they are."""

        model = MonitoredSystem
        fields = ("name", "title", "enabled", "health_url", "stats_url", "prometheus_url", "alertmanager_url")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        labels = self.instance.labels if isinstance(self.instance.labels, dict) else {}
        self.initial["label_lines"] = "\n".join(f"{name}={value}" for name, value in sorted(labels.items()))

    def clean(self) -> dict[str, Any]:
        """Put labels and credentials on the row, where the model checks them with everything else."""
        data = super().clean() or self.cleaned_data
        self.instance.labels = _labels(str(data.get("label_lines", "")))
        stored = "" if isinstance(self.instance.credentials, LostSecret) else str(self.instance.credentials)
        for field, service in SECRETS.items():
            if data.get(field):
                try:
                    stored = self.instance.credentials = change(stored, {service: data[field]})
                except BadInput as error:
                    self.add_error(field, error.message)
        return data

    def add_error(self, field: str | None, error: Any) -> None:
        """Show what the model says of a column at the field where it is entered."""
        if isinstance(error, forms.ValidationError) and hasattr(error, "error_dict"):
            places = {"labels": "label_lines", "credentials": "new_system"}
            error = forms.ValidationError({places.get(name, name): said for name, said in error.error_dict.items()})
        super().add_error(field, error)

    def changed_columns(self) -> list[str]:
        """Return the names of the columns that the form changes."""
        return sorted({COLUMNS.get(name, name) for name in self.changed_data})


def _labels(text: str) -> dict[str, str]:
    """Return the labels of lines; a line without = becomes a label without a value, which the model refuses."""
    pairs = (line.partition("=") for line in text.splitlines() if line.strip())
    return {name.strip(): value.strip() for name, _sign, value in pairs}
