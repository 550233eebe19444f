"""Where a browser finds the pages of this installation."""

from __future__ import annotations

from django.conf import settings

_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - compared, not listened on


def page_address() -> str:
    """Return CLAW_PUBLIC_URL, else an address that works on this machine."""
    return settings.CLAW_PUBLIC_URL or own_address()


def own_address() -> str:
    """Return an address that works on this machine."""
    host = "127.0.0.1" if settings.CLAW_HOST in _EVERYWHERE else settings.CLAW_HOST
    scheme = "https" if settings.CLAW_TLS_CERT else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.CLAW_PORT}"
