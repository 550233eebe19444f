"""The mail server of CLAW_ALERT_MAIL_SERVER."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from django.conf import settings

from clawsite.core.errors import BadInput

SERVICE = "mail"
PORTS = {"smtp": 587, "smtps": 465}
LOCAL = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """Where mail is given to. is_tls: encrypted from the first byte, not by STARTTLS."""

    host: str
    port: int
    is_tls: bool
    user: str = ""
    password: str = field(default="", repr=False)


def is_on() -> bool:
    """Tell whether anybody gets mail."""
    return bool(settings.CLAW_ALERT_MAIL and settings.CLAW_ALERT_MAIL_SERVER)


def server_names() -> list[str]:
    """Return the mail server in use, for the list of outside services."""
    return [read_server(settings.CLAW_ALERT_MAIL_SERVER).host] if is_on() else []


def read_server(url: str) -> Server:
    """Return the server of smtp://user:password@host:port or smtps://...; BadInput for anything else."""
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise BadInput("The mail server is smtp://user:password@host:port, or smtps://...") from None
    if not parts.hostname:
        raise BadInput("The address of the mail server names no host.")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Server(host=parts.hostname, port=port, is_tls=parts.scheme == "smtps", user=user, password=password)
