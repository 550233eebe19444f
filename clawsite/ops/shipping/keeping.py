"""Whether the log of the database is copied here at all. What does it is loaded only then."""

from __future__ import annotations

from importlib import import_module

from django.conf import settings


async def keep_shipping() -> None:
    """Ship until cancelled; return at once where there is nothing to ship."""
    if not settings.CLAW_ON_SQLITE and settings.CLAW_WAL_DIR:
        await import_module("clawsite.ops.shipping.postgres.work").ship()
    elif settings.CLAW_ON_SQLITE and settings.CLAW_SHIPPING_SECONDS:
        await import_module("clawsite.ops.shipping.work").ship()
