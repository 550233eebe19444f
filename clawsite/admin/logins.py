"""Logins, logouts, failed tries and locks in the audit log. A failed try keeps a name only when there is such an
account: people type passwords into the wrong field.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest

from clawsite.admin.actor import origin_of
from clawsite.core import audit
from clawsite.core.models import User
from clawsite.web import lockout


def listen() -> None:
    """Follow Django's own signals; called once at start-up."""
    user_logged_in.connect(_logged_in, dispatch_uid="clawsite.logged_in")
    user_logged_out.connect(_logged_out, dispatch_uid="clawsite.logged_out")
    user_login_failed.connect(_failed, dispatch_uid="clawsite.login_failed")
    lockout.listen()


def _origin(request: HttpRequest | None) -> str:
    return origin_of(request) if request is not None else ""


def _logged_in(sender: object, request: HttpRequest | None, user: User, **_: Any) -> None:
    subject = f"user:{user.pk}"
    audit.record("login", actor=subject, subject=subject, origin=_origin(request))


def _logged_out(sender: object, request: HttpRequest | None, user: User | None, **_: Any) -> None:
    if user is not None:
        subject = f"user:{user.pk}"
        audit.record("logout", actor=subject, subject=subject, origin=_origin(request))


def _failed(sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    name = str(credentials.get("username", ""))[:150]
    user = User.objects.filter(username=name).only("pk").first()
    subject = f"user:{user.pk}" if user else "unknown"
    audit.record("login.failed", actor="anonymous", subject=subject, origin=_origin(request))
