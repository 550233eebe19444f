"""The authorities that connections to the outside trust: read once in a process, almost two megabytes."""

from __future__ import annotations

import ssl
from functools import cache
from importlib import import_module


@cache
def shared_context() -> ssl.SSLContext:
    """Return the context of all clients that SDKs make. Takes some ten milliseconds the first time."""
    context: ssl.SSLContext = import_module("httpx").create_ssl_context()
    return context
