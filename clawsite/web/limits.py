"""Limits on requests to pages, by django-ratelimit. A cache that does not answer closes the door, and is logged."""

from __future__ import annotations

from django.http import HttpRequest
from django_ratelimit.core import is_ratelimited

from clawsite.core.errors import log_unknown
from clawsite.web.address import address_of_request


def is_too_often(request: HttpRequest, *, group: str, rate: str, who: str = "") -> bool:
    """Count this request against a rate such as `5/m`, for `who` or the address; True when it is over the rate."""
    value = who or address_of_request(request)
    try:
        return bool(is_ratelimited(request, group=group, key=lambda *_: value, rate=rate, increment=True))
    except Exception as error:  # whatever the cache's client raises
        log_unknown(error, where=f"rate limit {group}")
        return True
