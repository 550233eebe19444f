"""Devices of the gateway: programs with a key of their own, and the buttons that answer what they ask for."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import RecordAdmin
from clawsite.admin.buttons import button
from clawsite.admin.showing import age
from clawsite.gateway.paired import block_device
from clawsite.gateway.pairing import approve_device, deny_device
from clawsite.models import GatewayDevice

PERMISSION = "clawsite.change_gatewaydevice"


def is_asking(row: GatewayDevice) -> bool:
    """Tell whether a device waits for an answer."""
    return bool(row.code) and row.expires_at is not None and row.expires_at > timezone.now()


@admin.register(GatewayDevice)
class DeviceAdmin(RecordAdmin):
    """Newest first."""

    audit_name = "device"
    list_display = ("name", "status", "asks", "rights", "address", "seen")
    list_filter = ("state",)
    search_fields = ("name", "device_id", "code", "address")
    fieldsets = (
        (None, {"fields": ("name", "device_id", "platform", "address", "state", "roles", "rights", "seen")}),
        (gettext_lazy("Request"), {"fields": ("asked_code", "asks", "expires_at")}),
        (gettext_lazy("Decision"), {"fields": ("decided_by", "decided_at", "created_at")}),
    )

    @display(
        description=gettext_lazy("state"),
        label={"pending": "warning", "approved": "success", "blocked": "danger"},
    )
    def status(self, row: GatewayDevice) -> tuple[str, str]:
        """Where it stands."""
        words = {"pending": _("waiting"), "approved": _("approved"), "blocked": _("blocked")}
        return row.state, words[row.state]

    @display(description=gettext_lazy("asks for"))
    def asks(self, row: GatewayDevice) -> str:
        """What waits for an answer."""
        return _short(row.requested_scopes) if is_asking(row) else "–"

    @display(description=gettext_lazy("code"))
    def asked_code(self, row: GatewayDevice) -> str:
        """The code that the device was shown."""
        return row.shown or "–"

    @display(description=gettext_lazy("rights"))
    def rights(self, row: GatewayDevice) -> str:
        """What it may have."""
        return _short(row.scopes)

    @display(description=gettext_lazy("seen"))
    def seen(self, row: GatewayDevice) -> str:
        """How long ago it came."""
        return age(row.seen_at)

    @button(gettext_lazy("Approve"), permission=PERMISSION, style="primary", shown=is_asking, in_list=True)
    def approve(self, request: HttpRequest, row: GatewayDevice) -> str:
        """Give it what it asks for."""
        approve_device(row.code, actor=actor_of(request), origin=origin_of(request))
        return _("{name} may call the gateway now, with a token.").format(name=row)

    @button(gettext_lazy("Deny"), permission=PERMISSION, style="danger", shown=is_asking, in_list=True)
    def deny(self, request: HttpRequest, row: GatewayDevice) -> str:
        """Do not give it."""
        deny_device(row.code, actor=actor_of(request), origin=origin_of(request))
        return _("{name} gets nothing new.").format(name=row)

    @button(gettext_lazy("Block"), permission=PERMISSION, style="danger", shown=lambda row: row.state != "blocked")
    def block(self, request: HttpRequest, row: GatewayDevice) -> str:
        """Shut it out."""
        block_device(row, actor=actor_of(request), origin=origin_of(request))
        return _("{name} is blocked.").format(name=row)


def _short(scopes: list[str]) -> str:
    return ", ".join(scope.removeprefix("operator.") for scope in scopes) or "–"
