"""Addresses of remotes: what an admin enters, read strictly, so that no part of one can be an option or a command.

Known are ssh (also as `git@host:path`), https and, where the setting allows it, a folder of this machine. Credentials
never stand in an address.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from clawsite.core.errors import BadInput, NotAllowed

Kind = Literal["ssh", "https", "file"]

MAX_CHARS = 500
SSH_PORT = 22
HTTPS_PORT = 443
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?|\[[0-9a-f:.]+\]")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_PATH = re.compile(r"/[A-Za-z0-9._~+/-]+")
_SCP = re.compile(r"([^/:@\s]+)@([^/:@\s]+):(?!//)(\S+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where a remote is. `url` is the one spelling that is stored and handed to git."""

    kind: Kind
    url: str
    host: str = ""
    port: int = 0
    user: str = ""


def read_address(text: str) -> Address:
    """Return the address that a text names; BadInput says what is wrong with it."""
    text = text.strip()
    if not text or len(text) > MAX_CHARS or not text.isascii() or not text.isprintable():
        raise BadInput("An address is one line of at most 500 ASCII characters.")
    short = _SCP.fullmatch(text)
    if short:
        user, host, path = short.groups()
        text = f"ssh://{user}@{host}/{path.lstrip('/')}"
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or ""), parts.port
    except ValueError:
        raise BadInput("This is no address of a repository.") from None
    if parts.query or parts.fragment or parts.password is not None:
        raise BadInput("An address holds no password, no ? and no #. Enter a token in its own field.")
    if not _PATH.fullmatch(parts.path) or ".." in parts.path.split("/") or "/-" in parts.path:
        raise BadInput("The path of the repository has characters that are not used here.")
    return _make(parts.scheme, host=host, port=port, user=parts.username or "", path=parts.path)


def _make(scheme: str, *, host: str, port: int | None, user: str, path: str) -> Address:
    if scheme == "file":
        if host or user or port:
            raise BadInput("The address of a folder is file:///its/path.")
        return Address(kind="file", url=f"file://{path}")
    shown = f"[{host}]" if ":" in host else host
    if scheme not in ("ssh", "https") or not _HOST.fullmatch(shown):
        raise BadInput("An address begins with ssh:// or https:// and a host, or is git@host:path.")
    if scheme == "https":
        if user:
            raise BadInput("An https address holds no user name. Enter it in its own field.")
        return Address(
            kind="https", url=f"https://{shown}{f':{port}' if port else ''}{path}", host=host, port=port or 443
        )
    user = user or "git"
    if not _USER.fullmatch(user):
        raise BadInput("The user name in the address has characters that are not used here.")
    port = port or SSH_PORT
    where = shown if port == SSH_PORT else f"{shown}:{port}"
    return Address(kind="ssh", url=f"ssh://{user}@{where}{path}", host=host, port=port, user=user)


def check_allowed(address: Address, allowed: Sequence[str]) -> None:
    """Raise NotAllowed unless the address is on an allowed host, or below an allowed beginning of addresses."""
    if not any(each == address.host if "/" not in each else is_below(address.url, each) for each in allowed if each):
        raise NotAllowed("This address is not among CLAW_GIT_REMOTES.")


def is_below(url: str, prefix: str) -> bool:
    """Tell whether an address is a prefix or below it; `https://host/a` is not below `https://host/ab`."""
    prefix = prefix.strip().rstrip("/")
    return bool(prefix) and (url == prefix or url.startswith(f"{prefix}/"))
