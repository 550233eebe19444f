"""Who may be asked, and from where: the Host of every request, and the Origin of every WebSocket.

Django checks the Host of pages only; here everything is checked, or a page elsewhere could rebind its name to this
machine. A browser's socket must come from our own origin, scheme and port included. A client without an Origin is
no browser: it passes, but without its cookies, so that nobody's login can be used from there.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from clawsite.web.plain import App, Receive, Scope, Send, find_header, has_header, refuse

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def is_allowed_host(host: str) -> bool:
    """Tell whether a Host header names this installation."""
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


def normalize_origin(text: str) -> str:
    """Return scheme://host:port in lower case with the port written out, or "" for anything else."""
    try:
        parts = urlsplit(text)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        return ""
    return f"{parts.scheme}://{parts.hostname.lower()}:{port}"


def own_origins(scope: Scope) -> set[str]:
    """Return the origins that are this installation for a request: what it asked for, and CLAW_PUBLIC_URL."""
    scheme = "https" if scope.get("scheme") in ("https", "wss") else "http"
    if settings.CLAW_BEHIND_PROXY and find_header(scope, "x-forwarded-proto") == "https":
        scheme = "https"
    origins = {normalize_origin(f"{scheme}://{find_header(scope, 'host')}")}
    if settings.CLAW_PUBLIC_URL:
        public = urlsplit(settings.CLAW_PUBLIC_URL)
        origins.add(normalize_origin(f"{public.scheme}://{public.netloc}"))
    return origins - {""}


def check_hosts(app: App) -> App:
    """Wrap an application so that it is asked only under names of this installation."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and not is_allowed_host(find_header(scope, "host")):
            await refuse(scope, receive, send, status=400, reason="Unknown host. Set CLAW_ALLOWED_HOSTS.\n")
            return
        await app(scope, receive, send)

    return guarded


def check_origins(app: App) -> App:
    """Wrap a WebSocket application: foreign pages are refused; scope["browser"] tells whether it is our own page."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if not has_header(scope, "origin"):
            bare = [(key, value) for key, value in scope["headers"] if key.lower() != b"cookie"]
            await app({**scope, "headers": bare, "browser": False}, receive, send)
        elif normalize_origin(find_header(scope, "origin")) in own_origins(scope):
            await app({**scope, "browser": True}, receive, send)
        else:
            await refuse(scope, receive, send, status=403, reason="")

    return guarded
