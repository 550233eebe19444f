"""Limits count in minutes that begin when they do, for each name at another second; a test wants most of one."""

from __future__ import annotations

from collections.abc import Iterable

from django.test import RequestFactory
from django_ratelimit.core import get_usage

NEEDED_SECONDS = 20
ADDRESSES = tuple(f"192.0.2.{number}" for number in range(100, 200))


def has_time(value: str) -> bool:
    """Tell whether the minute in which this address or name is counted goes on for a while."""
    usage = get_usage(RequestFactory().get("/"), group="tests", key=lambda *_: value, rate="1/m", increment=False)
    return usage is not None and usage["time_left"] > NEEDED_SECONDS


def address_with_time(addresses: Iterable[str] = ADDRESSES) -> str:
    """Return an address that can be counted without a new minute in between."""
    return next(address for address in addresses if has_time(address))
