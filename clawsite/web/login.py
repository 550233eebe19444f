"""The admin's login page: tries are limited by address, wrong passwords by name and address, and a code may follow."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from clawsite.web.errors import too_often
from clawsite.web.limits import is_too_often
from clawsite.web.second_factor.entering import enter


class _Login(LoginView):
    """Django's view, but a right password is not all."""

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Go on to the second factor, or in."""
        return enter(self.request, form.get_user(), to=self.get_success_url())


def login(request: HttpRequest) -> HttpResponseBase:
    """Show the login page, or take a try."""
    if request.method == "POST" and is_too_often(request, "login"):
        return too_often(request)
    site = admin.site
    if request.method == "GET" and site.has_permission(request):
        return HttpResponseRedirect(reverse("admin:index"))
    request.current_app = site.name
    view = _Login.as_view(
        extra_context=_context(request),
        authentication_form=site.login_form,
        template_name=site.login_template or "admin/login.html",
    )
    return view(request)


def _context(request: HttpRequest) -> dict[str, Any]:
    """Return what the admin's own login page is given."""
    named = REDIRECT_FIELD_NAME in request.GET or REDIRECT_FIELD_NAME in request.POST
    return {
        **admin.site.each_context(request),
        "title": _("Log in"),
        "subtitle": None,
        "app_path": request.get_full_path(),
        "username": request.user.get_username(),
        **({} if named else {REDIRECT_FIELD_NAME: reverse("admin:index")}),
    }
