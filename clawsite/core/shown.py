"""The settings as they may be shown: values, but of a secret only whether there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings

from clawsite.core.env import secret_settings, shown_settings
from clawsite.core.redaction import MASK, redact


def read_settings() -> dict[str, Any]:
    """Return every setting by name as it is in effect."""
    shown = {name: getattr(settings, name, value) for name, value in shown_settings().items()}
    secrets = {name: MASK if given else None for name, given in secret_settings().items()}
    return {name: without_secrets(value) for name, value in sorted((shown | secrets).items())}


def without_secrets(value: Any) -> Any:
    """Return a value as JSON has it; a password in an address is masked."""
    if isinstance(value, str | Path):
        return redact(str(value))
    if isinstance(value, list | tuple):
        return [without_secrets(each) for each in value]
    return value
