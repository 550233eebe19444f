"""Pairing codes: strangers who asked to be let in, with the buttons that answer them."""

from __future__ import annotations

import re

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import RecordAdmin
from clawsite.admin.buttons import button
from clawsite.admin.contact import ROLES
from clawsite.admin.showing import age, link
from sessions_app.contacts import approve_pairing, deny_pairing
from sessions_app.models import Contact, Pairing

PERMISSION = "sessions_app.change_contact"
_CODE = re.compile(r"\w{4}-\w{4}")


def is_open(row: Pairing) -> bool:
    """Tell whether a code can still be decided."""
    return row.decided_at is None and row.expires_at > timezone.now()


@admin.register(Pairing)
class PairingAdmin(RecordAdmin):
    """Newest first; what is decided or too old stays as a record."""

    list_display = ("shown", "person", "channel", "status", "asked", "decided_by")
    list_select_related = ("contact", "contact__channel")
    list_filter = (("decided_at", admin.EmptyFieldListFilter),)
    search_fields = ("code", "contact__name", "contact__username")
    fieldsets = (
        (None, {"fields": ("shown", "person", "channel", "created_at", "expires_at", "decided_at", "decided_by")}),
    )

    @display(description=gettext_lazy("code"))
    def shown(self, row: Pairing) -> str:
        """The code as the person sees it."""
        return row.shown

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Pairing], search_term: str
    ) -> tuple[QuerySet[Pairing], bool]:
        """Find a code also as the person reads it out, with its dash."""
        term = search_term.strip()
        plain = term.replace("-", "") if _CODE.fullmatch(term) else term
        found: tuple[QuerySet[Pairing], bool] = super().get_search_results(request, queryset, plain)
        return found

    @display(description=gettext_lazy("person"))
    def person(self, row: Pairing) -> SafeString | str:
        """Who asked, in their own words."""
        return link(row.contact)

    @display(description=gettext_lazy("channel"))
    def channel(self, row: Pairing) -> str:
        """Where they asked."""
        return str(row.contact.channel)

    @display(description=gettext_lazy("state"), label={"open": "warning", "decided": "success", "old": ""})
    def status(self, row: Pairing) -> tuple[str, str]:
        """Whether it waits for somebody."""
        if row.decided_at is not None:
            return "decided", _("decided")
        return ("open", _("waiting")) if is_open(row) else ("old", _("too old"))

    @display(description=gettext_lazy("asked"))
    def asked(self, row: Pairing) -> str:
        """How long ago."""
        return age(row.created_at)

    @button(
        gettext_lazy("Approve as"),
        permission=PERMISSION,
        style="primary",
        choices=ROLES,
        shown=is_open,
        in_list=True,
        list_label=gettext_lazy("Approve"),
    )
    def approve(self, request: HttpRequest, row: Pairing) -> str:
        """Let the person behind the code in; from the list, as a viewer."""
        role = request.POST.get("role") or Contact.RoleChoice.VIEWER
        contact = approve_pairing(row.code, actor=actor_of(request), role=role, origin=origin_of(request))
        return _("{name} may talk to the bot now, as {role}.").format(name=contact, role=contact.get_role_display())

    @button(gettext_lazy("Deny"), permission=PERMISSION, style="danger", shown=is_open, in_list=True)
    def deny(self, request: HttpRequest, row: Pairing) -> str:
        """Shut the person behind the code out."""
        contact = deny_pairing(row.code, actor=actor_of(request), origin=origin_of(request))
        return _("{name} is blocked.").format(name=contact)
