"""The form of a gateway: lists as lines of text, and a token that is only ever written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from clawsite.admin.channel_form import KEEP, secret_field
from runbooks.models import GatewayTarget
from runbooks.targets.checking import ENVIRONMENT_PREFIX, token_folders

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[GatewayTarget]
else:
    _ModelForm = forms.ModelForm

# Field of the form -> column.
LISTS = {"repos": "allowed_repos", "label_words": "labels", "kind_words": "kinds"}
COLUMNS = LISTS | {"new_token": "token"}  # nosec B105  # the name of a column
HELP = {
    "ws_url": _("Such as wss://gateway.example.org or ws://10.0.0.7:18789."),
    "http_url": _("For people; empty if there are no pages."),
    "ca_file": _("For wss:// with an authority of your own: the path of its certificate on this machine."),
    "cert_file": _("Only if the gateway asks for client certificates."),
    "allow_plain": _("Without encryption everybody on the way can read the token."),
}


def _lines(label: Any, help_text: Any) -> forms.CharField:
    widget = UnfoldAdminTextareaWidget(attrs={"rows": 2})
    return forms.CharField(label=label, help_text=help_text, required=False, widget=widget, max_length=20_000)


class GatewayTargetForm(_ModelForm):
    """The token is no field of the model here, so that nothing can put a stored one into the page."""

    new_token = secret_field(_("Token"), KEEP)
    repos = _lines(_("Repositories"), _("Patterns such as acme/*, one a line. Empty: all of them."))
    label_words = _lines(_("Labels"), _("What it can do, one word a line, such as gpu or eu-west."))
    kind_words = _lines(_("Kinds of job"), _("Names, one a line. Empty: all of them."))

    class Meta:
        """Fields that are columns as they are."""

        model = GatewayTarget
        fields = (
            "name", "enabled", "ws_url", "http_url", "token_ref", "capacity", "ca_file", "cert_file", "key_file",
            "allow_plain",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, text in HELP.items():
            if name in self.fields:
                self.fields[name].help_text = text
        if "token_ref" in self.fields:
            folders = ", ".join(map(str, token_folders()))
            self.fields["token_ref"].help_text = _(
                "Instead of a token: env:{prefix}… or file:…, a path below {folders}."
            ).format(prefix=ENVIRONMENT_PREFIX, folders=folders)
        stored = {field: "\n".join(getattr(self.instance, column)) for field, column in LISTS.items()}
        self.initial = {**self.initial, **stored}

    def clean(self) -> dict[str, Any]:
        """Put the lists and the token on the row, where the model checks them with everything else."""
        data = super().clean() or self.cleaned_data
        for field, column in LISTS.items():
            setattr(self.instance, column, _split(str(data.get(field, ""))))
        if data.get("new_token"):
            self.instance.token = data["new_token"].strip()
        elif data.get("token_ref"):
            self.instance.token = ""  # nosec B105  # a reference takes the place of what was stored
        return data

    def add_error(self, field: str | None, error: Any) -> None:
        """Show what the model says of a column at the field where it is entered."""
        places = {column: name for name, column in COLUMNS.items()}
        if isinstance(error, forms.ValidationError) and hasattr(error, "error_dict"):
            named: dict[str, Any] = {}
            for column, found in error.error_dict.items():
                name = places.get(column, column)
                named.setdefault(name if name in self.fields else NON_FIELD_ERRORS, []).extend(found)
            error = forms.ValidationError(named)
        super().add_error(field, error)

    def changed_columns(self) -> list[str]:
        """Return the names of the columns that the form changes."""
        changed = {COLUMNS.get(name, name) for name in self.changed_data}
        return sorted(changed | ({"token"} if "token_ref" in changed else set()))


def _split(text: str) -> list[str]:
    words = (word.strip() for word in re.split(r"[\n,]", text))
    return list(dict.fromkeys(word for word in words if word))
