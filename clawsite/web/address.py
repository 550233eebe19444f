"""Which address asks, for limits by address. The same answer for pages and for sockets."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest

from clawsite.web.plain import Scope, find_header, has_header

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
# How a socket of both families writes an address of IPv4.
_MAPPED = "::ffff:"
_LOOPBACK = ("127.", f"{_MAPPED}127.")


def address_of(scope: Scope) -> str:
    """Return the address of a socket's far end."""
    client = scope.get("client") or ("", 0)
    return _choose(str(client[0]), find_header(scope, "x-forwarded-for"))


def counted_as(address: str) -> str:
    """Return by what an address is counted: of IPv6 by its first 64 bits, because whoever has one has all of these."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return address
    return str(found.ipv4_mapped or IPv6Address(int(found) >> 64 << 64))


def is_direct_local(scope: Scope) -> bool:
    """Tell whether a request comes from this machine itself, and not through a proxy on it."""
    client = (scope.get("client") or ("",))[0]
    return _is_direct_local(str(client), forwarded=any(has_header(scope, name) for name in _FORWARDED))


def is_direct_local_request(request: HttpRequest) -> bool:
    """Tell the same of a page's request."""
    return _is_direct_local(
        request.META.get("REMOTE_ADDR", ""), forwarded=any(name in request.headers for name in _FORWARDED)
    )


def _is_direct_local(peer: str, *, forwarded: bool) -> bool:
    return not forwarded and not settings.CLAW_BEHIND_PROXY and (peer == "::1" or peer.startswith(_LOOPBACK))


def address_of_request(request: HttpRequest) -> str:
    """Return the address of a request's far end."""
    return _choose(request.META.get("REMOTE_ADDR", ""), request.headers.get("X-Forwarded-For", ""))


def _choose(peer: str, forwarded: str) -> str:
    """The proxy appends the address it saw, so the last entry is the only one that nobody could have made up."""
    last = forwarded.rpartition(",")[2].strip()
    chosen = last if settings.CLAW_BEHIND_PROXY and last else peer
    return chosen.removeprefix(_MAPPED) if "." in chosen else chosen or "unknown"
