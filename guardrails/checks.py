"""System checks of the settings that guards obey: a typing mistake must not switch a guard off."""

from __future__ import annotations

import re
import ssl
from collections.abc import Sequence

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

PII_OUTPUT = ("off", "mask", "block")
PII_INPUT = ("off", "note", "block")
_LINK_HOST = re.compile(r"(?:\*\.)?(?:localhost|[^\W_][\w-]*(?:\.[\w-]+)*\.[\w-]{2,}|\d{1,3}(?:\.\d{1,3}){3})")
_PRIVATE_HOST = re.compile(r"(?:\[[0-9a-fA-F:]+\]|[\w.-]+)(?::\d{1,5})?")


def check_settings(app_configs: Sequence[AppConfig] | None, **_: object) -> list[CheckMessage]:
    """Return one error for each wrong setting of the guards."""
    return [
        *_choice("CLAW_PII_OUTPUT", PII_OUTPUT, "guardrails.E001"),
        *_choice("CLAW_PII_INPUT", PII_INPUT, "guardrails.E002"),
        *_hosts("CLAW_ALLOWED_LINKS", _LINK_HOST, "guardrails.E003", "example.com"),
        *_hosts("CLAW_PRIVATE_HOSTS", _PRIVATE_HOST, "guardrails.E004", "printer.lan or 10.0.0.5:8080"),
        *_certificates(settings.CLAW_CA_FILE),
    ]


def register_checks() -> None:
    """Make the check one of the system checks."""
    register(check_settings, "guardrails")


def _choice(name: str, choices: tuple[str, ...], check_id: str) -> list[CheckMessage]:
    value = getattr(settings, name)
    if value in choices:
        return []
    return [Error(f"{name} is {value!r}.", hint=f"Use one of: {', '.join(choices)}.", id=check_id)]


def _certificates(path: str) -> list[CheckMessage]:
    try:
        if path:
            ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError):
        hint = "Give the path of a file with certificates in PEM form, which this user may read."
        return [Error(f"CLAW_CA_FILE is {path!r}, which holds no certificates.", hint=hint, id="guardrails.E005")]
    return []


def _hosts(name: str, pattern: re.Pattern[str], check_id: str, example: str) -> list[CheckMessage]:
    wrong = [entry for entry in getattr(settings, name) if not pattern.fullmatch(entry)]
    hint = f"Give hosts without scheme or path, such as {example}."
    return [Error(f"{name} holds {entry!r}, which is no host.", hint=hint, id=check_id) for entry in wrong]
