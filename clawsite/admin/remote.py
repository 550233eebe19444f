"""Remotes of projects: the address, a deploy key whose public part is shown, a token that is only ever written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import AdminsOnly, SettingAdmin
from clawsite.admin.buttons import button
from clawsite.admin.channel_form import KEEP, secret_field
from clawsite.admin.showing import State, age, text_block
from clawsite.core.errors import BadInput
from runbooks.models import Remote
from runbooks.workspaces.sync.actions import renew_key, save_remote
from runbooks.workspaces.sync.hosts import forget_host
from runbooks.workspaces.sync.keys import fingerprint
from runbooks.workspaces.sync.queue import want_push

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Remote]
else:
    _ModelForm = forms.ModelForm

PERMISSION = "runbooks.change_remote"
COLOURS = {"ok": "success", "new": "", "away": "warning"} | dict.fromkeys(
    ("denied", "new_host", "host_key", "diverged", "rejected", "failed"), "danger"
)
TOLD = ("standing", "error", "apart", "pushed", "known_hosts")


class RemoteForm(_ModelForm):
    """The token is no field of the model here, so that nothing can put a stored one into the page."""

    new_token = secret_field(gettext_lazy("Token"), KEEP)

    class Meta:
        """Fields that are columns as they are."""

        model = Remote
        fields = ("project", "url", "enabled", "user")

    def clean(self) -> dict[str, Any]:
        """Put the token on the row, where the model checks it."""
        data = super().clean() or self.cleaned_data
        if data.get("new_token"):
            self.instance.token = data["new_token"].strip()
        return data

    def add_error(self, field: str | None, error: Any) -> None:
        """Show what the model says of the token at the field where it is entered."""
        if isinstance(error, forms.ValidationError) and hasattr(error, "error_dict") and "token" in error.error_dict:
            named = dict(error.error_dict)
            named["new_token"] = named.pop("token")
            error = forms.ValidationError(named)
        super().add_error(field, error)


@admin.register(Remote)
class RemoteAdmin(AdminsOnly, SettingAdmin):
    """Only admins change them: an address here is spoken to from inside of our network."""

    form = RemoteForm
    list_display = ("project", "url", "enabled", "standing", "pushed")
    list_select_related = ("project",)
    search_fields = ("project__name", "url")
    readonly_fields = ("deploy_key", *TOLD)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Remote]:
        """Leave secrets in the database: the pages show none."""
        rows: QuerySet[Remote] = super().get_queryset(request).defer("token", "private_key")
        return rows

    def get_fieldsets(self, request: HttpRequest, obj: Remote | None = None) -> Any:
        """Return the fields to fill in; who may only look has none for the token."""
        may = obj is None or self.has_change_permission(request, obj)
        entry = (gettext_lazy("Over https"), {"fields": ("user", "new_token") if may else ("user",)})
        sets = [(None, {"fields": ("project", "url", "enabled")}), entry]
        if obj is None:
            return sets
        key = (gettext_lazy("Over ssh"), {"fields": ("deploy_key",)})
        return [*sets, key, (gettext_lazy("As it stands"), {"fields": TOLD})]

    def get_readonly_fields(self, request: HttpRequest, obj: Remote | None = None) -> Any:
        """The project of a known one stays."""
        shown = super().get_readonly_fields(request, obj)
        return shown if obj is None else ("project", *shown)

    def save_model(self, request: HttpRequest, obj: Remote, form: Any, change: bool) -> None:
        """Store the row through the action."""
        fields = [name.removeprefix("new_") for name in form.changed_data]
        save_remote(obj, actor=actor_of(request), fields=fields, origin=origin_of(request))

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The action has written its own audit row."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The action has written its own audit row."""

    @display(description=gettext_lazy("state"), label=COLOURS)
    def standing(self, row: Remote) -> State:
        """How the last exchange went."""
        return State(row.state, str(row.get_state_display()))

    @display(description=gettext_lazy("pushed"))
    def pushed(self, row: Remote) -> str:
        """When it last took something."""
        return f"{row.pushed_sha[:8]} · {age(row.pushed_at)}" if row.pushed_sha else "–"

    @display(description=gettext_lazy("commits"))
    def apart(self, row: Remote) -> str:
        """By how much the two differ."""
        return _("%(ahead)s here only, %(behind)s there only") % {"ahead": row.ahead, "behind": row.behind}

    @display(description=gettext_lazy("deploy key"))
    def deploy_key(self, row: Remote) -> SafeString | str:
        """The public part, for the forge."""
        if not row.public_key:
            return "–"
        hint = _("Copy this line into the repository's deploy keys, and let it write.")
        return format_html("{}<p>{}</p>", text_block(row.public_key), hint)

    @display(description=gettext_lazy("host keys"))
    def known_hosts(self, row: Remote) -> SafeString:
        """By what the host is known."""
        return text_block("\n".join(fingerprint(key) for key in row.host_keys) or "–")

    @button(gettext_lazy("Push now"), permission=PERMISSION, style="primary", shown=lambda row: row.enabled)
    def push(self, request: HttpRequest, row: Remote) -> str:
        """Have it pushed."""
        if want_push(row.project_id, actor=actor_of(request)) is None:
            raise BadInput(_("The remote is switched off."))
        self.record(request, row, "push")
        return _("It is being pushed.")

    @button(
        gettext_lazy("New deploy key"),
        permission=PERMISSION,
        confirm=gettext_lazy("The old key will open nothing for us any more. Make another one?"),
    )
    def new_key(self, request: HttpRequest, row: Remote) -> str:
        """Make another deploy key."""
        renew_key(row, actor=actor_of(request), origin=origin_of(request))
        return _("There is another deploy key now. Put it where the old one was.")

    @button(
        gettext_lazy("Forget the host"),
        permission=PERMISSION,
        style="danger",
        shown=lambda row: bool(row.host_keys),
        confirm=gettext_lazy("The host will be met like a new one. Is it known why its key has changed?"),
    )
    def forget(self, request: HttpRequest, row: Remote) -> str:
        """Have its keys shown to a maintainer again."""
        forget_host(row, actor=actor_of(request), origin=origin_of(request))
        return _("The host is asked for its keys again.")
