"""The settings: what Django and our own checks say of them, and what is missing for a bot that answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from django.conf import settings
from django.core.checks import ERROR, WARNING, run_checks

from bots.agent.targets import is_configured
from clawsite.ops.doctor.finding import Finding, bad, fine, note, warn
from clawsite.ops.running import find_running
from sessions_app.models import Channel

AREA = "settings"
# Told of elsewhere here (the version of SQLite), or wanted only where the pages are served over TLS.
_KNOWN = {"clawsite.W002"}
_TLS = {"security.W004", "security.W008", "security.W012", "security.W016"}


def examine() -> Iterator[Finding]:
    """Run all checks of the system, then look at what is missing."""
    quiet = True
    for message in run_checks(include_deployment_checks=True):
        if message.is_silenced() or message.id in _KNOWN or (message.id in _TLS and not _is_public()):
            continue
        quiet = False
        make = bad if message.level >= ERROR else warn if message.level >= WARNING else note
        yield make(AREA, f"{message.msg} ({message.id})", message.hint or "See .env.example.")
    if quiet:
        yield fine(AREA, "All system checks pass.")
    yield from _missing()


def _is_public() -> bool:
    return bool(settings.CLAW_PUBLIC_URL.startswith("https://"))


def _missing() -> Iterator[Finding]:
    if not asyncio.run(is_configured()):
        yield _no_model()
    if not Channel.objects.filter(enabled=True).exclude(kind__in=["webchat", "gateway"]).exists():
        yield note(AREA, "No chat platform is connected.", "Run: manage.py channel add telegram NAME")


def _no_model() -> Finding:
    """Tell of it; of what runs with other settings than ours, as in the demo, only that these are others."""
    if any(row.data.get("model") for row in find_running("bots")):
        return note(
            AREA,
            "bots runs with a model that the settings of this command do not name.",
            "Nothing is missing if bots was started with settings of its own, as by up --demo.",
        )
    return warn(
        AREA,
        "No model can be called, so free conversation is answered by a notice.",
        "Set ANTHROPIC_API_KEY, or ANTHROPIC_BASE_URL and CLAW_MODELS for a server of your own.",
    )
