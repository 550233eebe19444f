"""Switching a feature for the length of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from clawsite.core import flags
from clawsite.core.models import FeatureFlag


@contextmanager
def switched_off(name: str) -> Iterator[None]:
    """Have a feature off for everyone, and forget that afterwards."""
    flag, _ = FeatureFlag.objects.update_or_create(name=name, defaults={"everyone": False})
    flags.forget()
    try:
        yield
    finally:
        flag.delete()
        flags.forget()
