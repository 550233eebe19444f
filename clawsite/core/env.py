"""Strict readers of the environment. A wrong value stops the process with a sentence that says what to do.

What was read is remembered, so that it can be shown; of a secret only whether there is one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

_shown: dict[str, object] = {}
_secrets: dict[str, bool] = {}
_files: dict[str, Path] = {}

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}


def env_str(name: str, default: str = "") -> str:
    """Return the variable with surrounding space removed, or the default when it is unset or empty."""
    return _show(name, _read(name) or default)


def _read(name: str) -> str:
    return os.environ.get(name, "").strip()


def _show(name: str, value: T) -> T:
    _shown[name] = value
    return value


def shown_settings() -> Mapping[str, object]:
    """Return the value of each setting that was read and is no secret, by name."""
    return _shown


def secret_settings() -> Mapping[str, bool]:
    """Return the name of each secret that was asked for, and whether there is one."""
    return _secrets


def secret_files() -> Mapping[str, Path]:
    """Return the file of each secret that came from one, by the name of the secret."""
    return _files


def secret_values() -> list[str]:
    """Return the value of each secret that was given, read anew: for who must take them out of something."""
    values = []
    for name in _secrets:
        try:
            values.append(_files[name].read_text(encoding="utf-8").strip() if name in _files else _read(name))
        except OSError:
            continue
    return [value for value in values if value]


def env_bool(name: str, default: bool = False) -> bool:
    """Return a yes/no variable; raise ImproperlyConfigured for any other word."""
    raw = os.environ.get(name)
    if raw is None:
        return _show(name, default)
    word = raw.strip().lower()
    if word in _TRUE | _FALSE:
        return _show(name, word in _TRUE)
    raise ImproperlyConfigured(f"{name} must be yes or no, not {raw!r}.")


def env_int(name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
    """Return a whole number from `least` to `most`; raise ImproperlyConfigured for anything else."""
    raw = _read(name)
    if not raw:
        return _show(name, default)
    if not raw.isdecimal() or int(raw) < least or (most is not None and int(raw) > most):
        bounds = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise ImproperlyConfigured(f"{name} must be a whole number {bounds}, not {raw!r}.")
    return _show(name, int(raw))


def env_float(name: str, default: float, *, least: float = 0.0) -> float:
    """Return a number of at least `least`; raise ImproperlyConfigured for anything else."""
    raw = _read(name)
    if not raw:
        return _show(name, default)
    try:
        value = float(raw)
    except ValueError:
        value = float("nan")
    if not value >= least or value == float("inf"):
        raise ImproperlyConfigured(f"{name} must be a number of at least {least}, not {raw!r}.")
    return _show(name, value)


def require(known: bool, name: str, hint: str) -> None:
    """Stop the process with a sentence unless the value of a setting is one that can be used."""
    if not known:
        raise ImproperlyConfigured(f"{name} is {os.environ.get(name, '').strip()!r}. {hint}")


def env_list(name: str) -> list[str]:
    """Return the comma-separated parts of a variable, without empty ones."""
    return _show(name, [part.strip() for part in os.environ.get(name, "").split(",") if part.strip()])


def env_secret(name: str, default: str = "") -> str:
    """Return a secret from the file named by NAME_FILE, else from NAME; a file that cannot be read is an error."""
    path = _read(f"{name}_FILE")
    if path:
        _files[name] = Path(path)
    try:
        value = Path(path).read_text(encoding="utf-8").strip() if path else _read(name) or default
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ImproperlyConfigured(f"{name}_FILE names a file that cannot be read: {reason}.") from None
    _secrets[name] = bool(value)
    return value
