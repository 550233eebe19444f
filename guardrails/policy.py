"""The policy of this installation, read from settings. Guards themselves never read settings: they are told."""

from __future__ import annotations

from django.conf import settings

from guardrails.types import Policy


def policy_from_settings() -> Policy:
    """Return how strict the guards are here."""
    return Policy(
        input_chars=settings.CLAW_INPUT_CHARS,
        rate=settings.CLAW_USER_RATE,
        rate_seconds=settings.CLAW_USER_RATE_SECONDS,
        pii_input=settings.CLAW_PII_INPUT,
        pii_output=settings.CLAW_PII_OUTPUT,
        allowed_links=tuple(settings.CLAW_ALLOWED_LINKS),
    )
