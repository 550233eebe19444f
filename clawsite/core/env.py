"""Strict readers of the environment. A wrong value stops the process with a sentence that says what to do."""

from __future__ import annotations

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}


def env_str(name: str, default: str = "") -> str:
    """Return the variable with surrounding space removed, or the default when it is unset or empty."""
    return os.environ.get(name, "").strip() or default


def env_bool(name: str, default: bool = False) -> bool:
    """Return a yes/no variable; raise ImproperlyConfigured for any other word."""
    raw = os.environ.get(name)
    if raw is None:
        return default
    word = raw.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be yes or no, not {raw!r}.")


def env_int(name: str, default: int, *, least: int = 0) -> int:
    """Return a whole number of at least `least`; raise ImproperlyConfigured for anything else."""
    raw = env_str(name)
    if not raw:
        return default
    if not raw.isdecimal() or int(raw) < least:
        raise ImproperlyConfigured(f"{name} must be a whole number of at least {least}, not {raw!r}.")
    return int(raw)


def env_float(name: str, default: float, *, least: float = 0.0) -> float:
    """Return a number of at least `least`; raise ImproperlyConfigured for anything else."""
    raw = env_str(name)
    if not raw:
        return default
    try:
        value = float(raw)
    except ValueError:
        value = float("nan")
    if not value >= least or value == float("inf"):
        raise ImproperlyConfigured(f"{name} must be a number of at least {least}, not {raw!r}.")
    return value


def require(known: bool, name: str, hint: str) -> None:
    """Stop the process with a sentence unless the value of a setting is one that can be used."""
    if not known:
        raise ImproperlyConfigured(f"{name} is {os.environ.get(name, '').strip()!r}. {hint}")


def env_list(name: str) -> list[str]:
    """Return the comma-separated parts of a variable, without empty ones."""
    return [part.strip() for part in os.environ.get(name, "").split(",") if part.strip()]


def env_secret(name: str, default: str = "") -> str:
    """Return a secret from the file named by NAME_FILE, else from NAME; a file that cannot be read is an error."""
    path = env_str(f"{name}_FILE")
    if not path:
        return env_str(name, default)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE names a file that cannot be read: {error.strerror}.") from error
