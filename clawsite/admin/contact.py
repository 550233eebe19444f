"""People: who they are, what they may do, and the buttons that decide it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import SettingAdmin
from clawsite.admin.buttons import button
from clawsite.admin.showing import age
from sessions_app.contacts import approve_contact, block_contact, link_contact
from sessions_app.models import Contact

PERMISSION = "sessions_app.change_contact"
ROLES = ("role", Contact.RoleChoice.choices)


@admin.register(Contact)
class ContactAdmin(SettingAdmin):
    """Everything but the account is decided by a button, so that each decision is one action."""

    list_display = ("__str__", "username", "channel", "status", "role", "user", "seen")
    list_filter = ("state", "role", "channel")
    list_select_related = ("channel", "user")
    search_fields = ("name", "username", "external_id")
    autocomplete_fields = ("user",)
    ordering = ("-id",)
    fields = (
        "user",
        "name",
        "username",
        "external_id",
        "channel",
        "state",
        "role",
        "language",
        "refusals",
        "created_at",
        "seen_at",
    )
    readonly_fields = fields[1:]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: a person becomes known by writing."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: records name people. Block them instead."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only an admin decides about people."""
        return bool(request.user.is_superuser) and super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Contact, form: Any, change: bool) -> None:
        """Link the person to an account."""
        if "user" in form.changed_data:
            link_contact(obj, user_id=obj.user_id, actor=actor_of(request), origin=origin_of(request))

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The action has written its own audit row."""

    @display(
        description=gettext_lazy("state"),
        ordering="state",
        label={"pending": "warning", "approved": "success", "blocked": "danger"},
    )
    def status(self, row: Contact) -> tuple[str, str]:
        """Whether the person may talk."""
        return row.state, row.get_state_display()

    @display(description=gettext_lazy("seen"), ordering="seen_at")
    def seen(self, row: Contact) -> str:
        """When the person last wrote."""
        return age(row.seen_at)

    @button(
        gettext_lazy("Approve as"),
        permission=PERMISSION,
        style="primary",
        choices=ROLES,
        shown=lambda row: row.state != "approved",
    )
    def approve(self, request: HttpRequest, row: Contact) -> str:
        """Let the person in."""
        approve_contact(row, actor=actor_of(request), role=request.POST.get("role", ""), origin=origin_of(request))
        return _("{name} may talk to the bot now.").format(name=row)

    @button(
        gettext_lazy("Change the role to"),
        permission=PERMISSION,
        choices=ROLES,
        shown=lambda row: row.state == "approved",
    )
    def change_role(self, request: HttpRequest, row: Contact) -> str:
        """Give the person another role."""
        approve_contact(row, actor=actor_of(request), role=request.POST.get("role", ""), origin=origin_of(request))
        return _("{name} is {role} now.").format(name=row, role=row.get_role_display())

    @button(gettext_lazy("Block"), permission=PERMISSION, style="danger", shown=lambda row: row.state != "blocked")
    def block(self, request: HttpRequest, row: Contact) -> str:
        """Shut the person out."""
        block_contact(row, actor=actor_of(request), origin=origin_of(request))
        return _("{name} is blocked.").format(name=row)
