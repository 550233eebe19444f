"""Running a management command as a person does: what it says, what is typed, how it ends."""

from __future__ import annotations

import io
from dataclasses import dataclass

import pytest
from django.core.management import CommandError, call_command


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a command wrote, and the sentence of its error or ""."""

    text: str
    error: str = ""


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, typed: str = "") -> Said:
    """Run a command with lines typed into it. An input that ends is one where nobody answers any more."""
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    out = io.StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=out)
    except CommandError as error:
        return Said(text=out.getvalue(), error=str(error))
    return Said(text=out.getvalue())
