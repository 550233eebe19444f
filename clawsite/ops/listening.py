"""The socket of pages, webhooks and the gateway: one address, one port; the address :: is that of IPv4 as well."""

from __future__ import annotations

import errno
import os
import socket

from django.conf import settings

from clawsite.core.errors import NotConfigured

BACKLOG = 512


def open_socket() -> socket.socket:
    """Listen on CLAW_HOST and CLAW_PORT; NotConfigured says why that cannot be, and what to change."""
    host, port = settings.CLAW_HOST, settings.CLAW_PORT
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        raise NotConfigured(_cannot_listen(error)) from None


def _cannot_listen(error: OSError) -> str:
    """Say why, and what to change: the address when it is none of this machine's, else the port."""
    host = f"[{settings.CLAW_HOST}]" if ":" in settings.CLAW_HOST else settings.CLAW_HOST
    unknown = error.__context__ if isinstance(error.__context__, socket.gaierror) else None
    reason = unknown.strerror if unknown else os.strerror(error.errno or 0)
    advice = "Set CLAW_PORT to a free port."
    if unknown or error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        advice = "Set CLAW_HOST to an address of this machine, or to 0.0.0.0 for all of them."
    return f"Cannot listen on {host}:{settings.CLAW_PORT}: {reason}. {advice}"
