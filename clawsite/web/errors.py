"""Error pages: what went wrong and what to do, with no detail that helps an attacker."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext


def _page(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    context = {"status": status, "title": title, "text": text}
    return render(request, "web/error.html", context, status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400."""
    return _page(request, 400, _("That did not work"), _("The request could not be understood. Please go back."))


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403."""
    return _page(request, 403, _("Not allowed"), _("You may not see this page. Perhaps you need to log in."))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form that does not come from a fresh page of ours; a script that asked gets the same as JSON."""
    text = _("This form is too old or was opened elsewhere. Please go back, reload the page and try again.")
    if request.headers.get("X-File-Name") is not None:
        return JsonResponse({"error": {"code": "not_allowed", "message": _("Please reload the page.")}}, status=403)
    return _page(request, 403, _("Not allowed"), text)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404."""
    return _page(request, 404, _("Not here"), _("There is no page at this address."))


def too_often(request: HttpRequest) -> HttpResponse:
    """429."""
    response = _page(request, 429, _("Too fast"), _("There were too many tries. Please wait a minute."))
    response["Retry-After"] = "60"
    return response


def locked_out(request: HttpRequest, *, minutes: int) -> HttpResponse:
    """429 for a name that was tried too often with wrong passwords."""
    text = ngettext(
        "There were too many wrong passwords. Please try again in {minutes} minute, or ask another admin.",
        "There were too many wrong passwords. Please try again in {minutes} minutes, or ask another admin.",
        minutes,
    )
    response = _page(request, 429, _("Locked for a while"), text.format(minutes=minutes))
    response["Retry-After"] = str(minutes * 60)
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """500. Nothing here may need the database."""
    text = _("Something went wrong on our side. It is in the log; please try again.")
    return _page(request, 500, _("Our fault"), text)
