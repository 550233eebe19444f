"""The pages of the second factor: the code on the way in, setting it up, and what an account has."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from clawsite.core.errors import BadInput
from clawsite.core.models import User
from clawsite.web.address import address_of_request
from clawsite.web.errors import too_often
from clawsite.web.limits import is_too_often
from clawsite.web.second_factor import factor
from clawsite.web.second_factor.entering import allow_replacing, find_pending, let_in, may_replace, target_of
from clawsite.web.second_factor.picture import picture_of

HOME = "second-factor"
METHODS = ["GET", "HEAD", "POST"]


@never_cache
@sensitive_post_parameters()
@require_http_methods(METHODS)
def code(request: HttpRequest) -> HttpResponse:
    """Ask for the code after the password, and log in."""
    user = find_pending(request)
    if user is None or not factor.has_factor(user):
        return redirect("admin:login")
    if request.method != "POST":
        return _show(request, "code")
    if is_too_often(request, "second-factor"):
        return too_often(request)
    try:
        factor.check_code(user, _sent(request), origin=address_of_request(request))
    except BadInput as error:
        return _show(request, "code", problem=error.message)
    return let_in(request, user, to=target_of(request))


@never_cache
@sensitive_post_parameters()
@require_http_methods(METHODS)
def setup(request: HttpRequest) -> HttpResponse:
    """Show the picture, take the first code, show the recovery codes once. Also on the way in, where it is required.

    Whoever is logged in shows the password again, and a code first when there is an app already: a session that was
    left open must not become somebody else's.
    """
    user = _staff(request) or _newcomer(request)
    if user is None:
        return redirect("admin:login")
    if factor.has_factor(user) and not may_replace(request):
        return redirect(HOME)
    if request.method != "POST":
        return _show_setup(request, user)
    if is_too_often(request, "second-factor"):
        return too_often(request)
    try:
        _check_password(request, user)
        codes = factor.finish_setup(user, _sent(request), origin=address_of_request(request))
    except BadInput as error:
        return _show_setup(request, user, problem=error.message)
    to = target_of(request)
    let_in(request, user, to=to)
    return _show(request, "codes", codes=codes, to=to)


@never_cache
@sensitive_post_parameters()
@require_http_methods(METHODS)
def home(request: HttpRequest) -> HttpResponse:
    """Show what the own account has; with a code of it, renew the recovery codes or take everything away."""
    user = _staff(request)
    if user is None:
        return redirect("admin:login")
    if request.method != "POST":
        return _show_home(request, user)
    if is_too_often(request, "second-factor"):
        return too_often(request)
    try:
        factor.check_code(user, _sent(request), origin=address_of_request(request))
    except BadInput as error:
        return _show_home(request, user, problem=error.message)
    return _do(request, user, request.POST.get("do", ""))


def _do(request: HttpRequest, user: User, what: str) -> HttpResponse:
    """Do what was asked for; the code was right."""
    origin = address_of_request(request)
    if what == "renew":
        return _show(request, "codes", codes=factor.renew_codes(user, origin=origin), to="/admin/")
    if what == "replace":
        allow_replacing(request)
        return redirect("second-factor-setup")
    if what == "remove" and not factor.is_required():
        factor.remove_factor(user, actor=f"user:{user.pk}", origin=origin)
        return let_in(request, user, to=HOME)
    return redirect(HOME)


def _staff(request: HttpRequest) -> User | None:
    user = request.user
    return user if user.is_authenticated and user.is_active and user.is_staff else None


def _newcomer(request: HttpRequest) -> User | None:
    """Return who is on the way in without a second factor; whoever has one must show it first."""
    user = find_pending(request)
    return None if user is None or factor.has_factor(user) else user


def _check_password(request: HttpRequest, user: User) -> None:
    """Check the password of who is logged in already; on the way in it was given a moment ago."""
    if request.user.is_authenticated and not user.check_password(request.POST.get("password", "")):
        raise BadInput(_("This is not your password."))


def _sent(request: HttpRequest) -> str:
    return request.POST.get("code", "")[:64]


def _show_home(request: HttpRequest, user: User, **more: Any) -> HttpResponse:
    shown = {"on": factor.has_factor(user), "left": factor.count_codes(user), "required": factor.is_required()}
    return _show(request, "home", name=user.get_username(), **shown, **more)


def _show_setup(request: HttpRequest, user: User, **more: Any) -> HttpResponse:
    device = factor.begin_setup(user)
    shown = {"picture": picture_of(device.config_url), "secret": device.secret, "name": user.get_username()}
    return _show(request, "setup", ask_password=request.user.is_authenticated, **shown, **more)


def _show(request: HttpRequest, page: str, **context: Any) -> HttpResponse:
    response = render(request, f"web/second_factor/{page}.html", context, status=400 if context.get("problem") else 200)
    response["Referrer-Policy"] = "same-origin"
    return response
