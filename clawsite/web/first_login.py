"""The page behind the first admin's link: choose a password, and be logged in. Opening it uses nothing up."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from clawsite.core.errors import BadInput, NotAllowed
from clawsite.ops.first_admin import check_first_login, is_settled, set_first_password
from clawsite.web.errors import too_often
from clawsite.web.limits import is_too_often
from clawsite.web.second_factor.entering import enter


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def first_login(request: HttpRequest, token: str) -> HttpResponse:
    """Show the form; set the password it brings and log its owner in."""
    response = _answer(request, token)
    # The address of this page is a secret, and proxies log where a request comes from. Not no-referrer: a browser would
    # then send the form with "Origin: null", which the CSRF check refuses.
    response["Referrer-Policy"] = "strict-origin"
    return response


def _answer(request: HttpRequest, token: str) -> HttpResponse:
    if is_too_often(request, "first-login"):
        return too_often(request)
    try:
        user = check_first_login(token)
        if request.method != "POST":
            return _form(request, user.username)
        return _take(request, token, user.username)
    except NotAllowed:
        return _refuse(request, token)


def _refuse(request: HttpRequest, token: str) -> HttpResponse:
    text = _("This link has been used or is too old. Restart clawsite and take the new one from its output.")
    if is_settled(token):
        text = _("This link is not needed any more: an admin has a password already. Log in with it at /admin/.")
    context = {"status": 404, "title": _("Not here"), "text": text}
    return render(request, "web/error.html", context, status=404)


def _take(request: HttpRequest, token: str, name: str) -> HttpResponse:
    password = request.POST.get("password", "")
    if password != request.POST.get("again", ""):
        return _form(request, name, _("The two passwords are not the same."))
    try:
        user = set_first_password(token, password=password)
    except BadInput as error:
        return _form(request, name, error.message)
    return enter(request, user, to="/admin/")


def _form(request: HttpRequest, name: str, problem: str = "") -> HttpResponse:
    context = {"name": name, "problem": problem}
    return render(request, "web/first_login.html", context, status=400 if problem else 200)
