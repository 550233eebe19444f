"""The form of a channel: the settings of its kind as fields, and secrets that are only ever written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from bots.channels.registry import ADAPTERS
from clawsite.core.errors import BadInput
from sessions_app.accounts import check_name, check_token, make_config
from sessions_app.channels import BUILT_IN, TELEGRAM
from sessions_app.models import Channel

KEEP = _("Leave empty to keep the one that is stored.")


def secret_field(label: Any, help_text: Any) -> forms.CharField:
    """Return a field whose value is never rendered."""
    widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}, render_value=False)
    return forms.CharField(label=label, help_text=help_text, required=False, widget=widget, max_length=500)


if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Channel]
else:
    _ModelForm = forms.ModelForm


class ChannelForm(_ModelForm):
    """Secrets are not fields of the model here, so that nothing can put a stored one into the page."""

    new_token = secret_field(_("Token"), KEEP)
    new_webhook_secret = secret_field(_("Webhook secret"), _("Leave empty to keep it, or to have one made up."))
    mode = forms.ChoiceField(
        label=_("Mode"),
        required=False,
        choices=[("", _("As in the environment")), ("polling", _("Polling")), ("webhook", _("Webhook"))],
        widget=UnfoldAdminSelectWidget(),
    )
    api_url = forms.CharField(
        label=_("API address"),
        required=False,
        help_text=_("Empty: the one of the environment."),
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "https://api.telegram.org"}),
    )

    class Meta:
        """Fields that are columns as they are."""

        model = Channel
        fields = ("name", "kind", "enabled", "access")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "kind" in self.fields:
            kinds = [kind for kind in ADAPTERS if kind not in BUILT_IN]
            self.fields["kind"] = forms.ChoiceField(
                label=_("Kind"), choices=[(kind, kind.capitalize()) for kind in kinds], widget=UnfoldAdminSelectWidget()
            )
        config = self.instance.config if isinstance(self.instance.config, dict) else {}
        self.initial = {**self.initial, "mode": config.get("mode", ""), "api_url": config.get("api_url", "")}

    def clean_name(self) -> str:
        """Check the name."""
        return self._checked("name", check_name)

    def clean_new_token(self) -> str:
        """Check what was entered; nothing entered is nothing to check."""
        return self._checked("new_token", lambda value: check_token(self._kind, value) if value else "")

    def clean(self) -> dict[str, Any]:
        """Check the settings of the kind, and that a new account has a token."""
        data = super().clean() or self.cleaned_data
        if self._kind != TELEGRAM:
            return data
        if self.instance._state.adding and not data.get("new_token") and "new_token" not in self.errors:
            self.add_error("new_token", _("A new Telegram channel needs the token that BotFather gave you."))
        try:
            own = make_config(self._kind, mode=data.get("mode", ""), api_url=data.get("api_url", ""))
        except BadInput as error:
            raise forms.ValidationError(error.message) from None
        old = self.instance.config if isinstance(self.instance.config, dict) else {}
        self.instance.config = {key: value for key, value in old.items() if key not in ("mode", "api_url")} | own
        return data

    def _post_clean(self) -> None:
        """Put new secrets on the row once everything else is checked."""
        super()._post_clean()  # type: ignore[misc]
        for name, column in (("new_token", "token"), ("new_webhook_secret", "webhook_secret")):
            if not self.errors and self.cleaned_data.get(name):
                setattr(self.instance, column, self.cleaned_data[name])

    @property
    def _kind(self) -> str:
        return self.instance.kind or str(self.data.get("kind", ""))

    def _checked(self, name: str, check: Any) -> str:
        try:
            return str(check(self.cleaned_data[name]))
        except BadInput as error:
            raise forms.ValidationError(error.message) from None

    def changed_columns(self) -> list[str]:
        """Return the names of the columns that the form changes."""
        columns = {"new_token": "token", "new_webhook_secret": "webhook_secret", "mode": "config", "api_url": "config"}  # nosec B105  # names of columns
        return sorted({columns.get(name, name) for name in self.changed_data})
