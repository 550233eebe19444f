"""Between the password and the code: the session remembers whose password was right, and nothing is open yet."""

from __future__ import annotations

import time

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from clawsite.core.crypto import same_secret
from clawsite.core.models import User
from clawsite.web.second_factor.factor import has_factor, is_required

PENDING_SECONDS = 600
BACKEND = "django.contrib.auth.backends.ModelBackend"
_KEY, _REPLACING = "second_factor", "second_factor_replacing"


def enter(request: HttpRequest, user: User, *, to: str) -> HttpResponse:
    """Go on after a right password: into the pages at `to`, or to the second factor first."""
    known = has_factor(user)
    if not known and not is_required():
        return let_in(request, user, to=to)
    request.session.cycle_key()
    request.session[_KEY] = {"user": user.pk, "at": time.time(), "to": to, "hash": user.get_session_auth_hash()}
    return redirect("second-factor-code" if known else "second-factor-setup")


def find_pending(request: HttpRequest) -> User | None:
    """Return whose password was right a moment ago; None when that is too old or the account has changed since."""
    kept = request.session.get(_KEY)
    if not isinstance(kept, dict) or time.time() - kept["at"] > PENDING_SECONDS:
        return None
    user = User.objects.filter(pk=kept["user"], is_active=True, is_staff=True).first()
    unchanged = user is not None and same_secret(user.get_session_auth_hash(), kept["hash"])
    return user if unchanged else None


def target_of(request: HttpRequest) -> str:
    """Return where whoever is on the way in wants to go."""
    return str(request.session.get(_KEY, {}).get("to") or "/admin/")


def allow_replacing(request: HttpRequest) -> None:
    """Let the account of this session, which has just shown its code, set up another app."""
    request.session[_REPLACING] = time.time()


def may_replace(request: HttpRequest) -> bool:
    """Tell whether a code was shown a moment ago."""
    return time.time() - float(request.session.get(_REPLACING, 0)) < PENDING_SECONDS


def let_in(request: HttpRequest, user: User, *, to: str) -> HttpResponse:
    """Log in and go on."""
    login(request, user, backend=BACKEND)
    request.session.pop(_KEY, None)
    request.session.pop(_REPLACING, None)
    return redirect(to)
