"""Limits on requests to pages, by django-ratelimit and the table of `guardrails.rates`.

What cannot be counted, because the cache does not answer, is let through where it only reads, and refused where it
tries a password or sends a form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django_ratelimit.core import get_usage

from clawsite.core.errors import log_unknown
from clawsite.core.metrics import RATE_REFUSALS
from clawsite.web.address import address_of_request, counted_as, is_direct_local_request
from clawsite.web.errors import too_often
from guardrails.rates import LOCAL_FACTOR, Rate, find_rate

_READING = ("GET", "HEAD", "OPTIONS")


def is_too_often(request: HttpRequest, name: str, *, who: str = "") -> bool:
    """Count this request against a rate of the table, for `who` or the address; True when it is over the rate."""
    return _is_over(request, name, find_rate(name), who or counted_as(address_of_request(request)))


def _is_over(request: HttpRequest, name: str, rate: Rate, who: str) -> bool:
    try:
        usage = get_usage(request, group=name, key=lambda *_: who, rate=rate.text, increment=True)
    except Exception as error:  # whatever the cache's client raises
        log_unknown(error, where=f"rate limit {name}")
        usage = None
    over = not rate.open if _is_unknown(usage) else bool(usage["should_limit"])
    if over:
        RATE_REFUSALS.labels(name).inc()
    return over


def _is_unknown(usage: Any) -> bool:
    """Tell whether nothing was counted: django-ratelimit says so with a limit of 0."""
    return usage is None or usage["limit"] == 0


class PageLimits:
    """Counts every request that reaches Django: reading it by the rate `page`, everything else by `form`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request, or with 429 when its account or address has had too many."""
        name = "page" if request.method in _READING else "form"
        rate = find_rate(name).times(LOCAL_FACTOR if is_direct_local_request(request) else 1)
        if _is_over(request, name, rate, self._who(request)):
            return too_often(request)
        return self.get_response(request)

    def _who(self, request: HttpRequest) -> str:
        """Return the account behind a session cookie, else the address: without a cookie no row is read."""
        known = settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated
        return f"user:{request.user.pk}" if known else counted_as(address_of_request(request))
