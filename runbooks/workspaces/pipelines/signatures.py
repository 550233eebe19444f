"""Who sent a webhook: GitHub signs the body, GitLab and others send the secret itself. Compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from clawsite.core.crypto import same_secret

Header = Callable[[str], str]


def is_signed(kind: str, secret: str, body: bytes, header: Header) -> bool:
    """Tell whether a delivery of this kind of forge carries what only its sender can know."""
    if not secret:
        return False
    if kind == "github":
        wanted = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return same_secret(header("x-hub-signature-256"), wanted)
    if kind == "gitlab":
        return same_secret(header("x-gitlab-token"), secret)
    scheme, _, token = header("authorization").partition(" ")
    return scheme.lower() == "bearer" and same_secret(token.strip(), secret)


def delivery_of(kind: str, body: bytes, header: Header) -> tuple[str, str]:
    """Return the id of a delivery, the same when it is sent again, and the name of its event.

    GitLab's `Idempotency-Key` stays the same over its tries. Who sends no id is told apart by the body.
    """
    names = {
        "github": ("x-github-delivery", "x-github-event"),
        "gitlab": ("idempotency-key", "x-gitlab-event"),
    }.get(kind, ("idempotency-key", ""))
    found = header(names[0]) or (header("x-gitlab-event-uuid") if kind == "gitlab" else "")
    plain = found if 0 < len(found) <= 100 and found.isascii() and found.isprintable() else ""
    return plain or f"sha256:{hashlib.sha256(body).hexdigest()}", (header(names[1]) if names[1] else "")[:64]
