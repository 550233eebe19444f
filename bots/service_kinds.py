"""What the kinds of outside services are called, where people read of them."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

# By the kind a service is registered with.
KINDS = {
    "model": _("model"),
    "channel": _("channel"),
    "polling": _("polling"),
    "system": _("system"),
    "forge": _("forge"),
    "git remote": _("git remote"),
    "gateway": _("gateway"),
    "ticket system": _("ticket system"),
    "backup store": _("backup store"),
    "mail": _("mail server"),
    "redis": _("Redis"),
    "trace collector": _("trace collector"),
}


def name_kind(kind: str) -> str:
    """Return a kind in the active language; one that is not known here stays as it is."""
    return str(KINDS.get(kind, kind))
