"""The admin's login page behind its limits: tries by address, and wrong passwords by name and address."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase

from clawsite.web.errors import too_often
from clawsite.web.limits import is_too_often


def login(request: HttpRequest) -> HttpResponseBase:
    """Show the login page, or take a try."""
    if request.method == "POST" and is_too_often(request, "login"):
        return too_often(request)
    return admin.site.login(request)
