"""A name that was tried with too many wrong passwords from one address is shut there for a while, by django-axes.

Tries are rows, so every web process counts the same ones. They hold a keyed digest of what was typed as a name, because
people type passwords into the wrong field. Elsewhere the name stays usable: nobody can lock an admin out from outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from axes.signals import user_locked_out
from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from clawsite.core import audit
from clawsite.core.models import User
from clawsite.web.address import address_of_request, counted_as
from clawsite.web.errors import locked_out

_SALT = "clawsite.lockout"


def listen() -> None:
    """Write lockouts into the audit log; called once at start-up."""
    user_locked_out.connect(_note, dispatch_uid="clawsite.locked_out")


def digest_of(name: str) -> str:
    """Return what stands for a name in the rows of tries."""
    return salted_hmac(_SALT, name, algorithm="sha256").hexdigest()


def name_of_try(request: HttpRequest, credentials: Mapping[str, Any] | None) -> str:
    """Return by what the tries of one name are counted (AXES_USERNAME_CALLABLE)."""
    return digest_of(str((credentials or request.POST).get("username") or ""))


def address_of_try(request: HttpRequest) -> str | None:
    """Return the address tries are counted by, None when there is none (AXES_CLIENT_IP_CALLABLE)."""
    text = counted_as(address_of_request(request))
    try:
        return str(ip_address(text))
    except ValueError:
        return None


def refuse(request: HttpRequest, response: HttpResponse | None, credentials: object) -> HttpResponse:
    """Answer a try that is not looked at any more (AXES_LOCKOUT_CALLABLE)."""
    return locked_out(request, minutes=settings.CLAW_LOGIN_LOCK_MINUTES)


def is_locked(user: User) -> bool:
    """Tell whether the account is locked at some address now."""
    since = timezone.now() - timedelta(minutes=settings.CLAW_LOGIN_LOCK_MINUTES)
    tries = AccessAttempt.objects.filter(username=digest_of(user.get_username()), attempt_time__gte=since)
    counts = tries.values("ip_address").annotate(count=Sum("failures_since_start")).order_by()
    return bool(counts.filter(count__gte=settings.CLAW_LOGIN_TRIES).exists())


def unlock(user: User, *, actor: str) -> int:
    """Forget the wrong passwords of an account at all addresses; return how many rows there were."""
    count = int(AxesProxyHandler.reset_attempts(username=digest_of(user.get_username())))
    audit.record("user.unlock", actor=actor, subject=f"user:{user.pk}")
    return count


def _note(sender: object, request: HttpRequest, username: str, ip_address: str | None, **_: Any) -> None:
    known = next((pk for pk, name in _accounts() if digest_of(name) == username), None)
    subject = f"user:{known}" if known else "unknown"
    audit.record("login.locked", actor="anonymous", subject=subject, origin=ip_address or "")


def _accounts() -> list[tuple[int, str]]:
    """Return the accounts that can log in to the admin pages: a handful."""
    return list(User.objects.filter(is_staff=True).values_list("pk", "username")[:1000])
