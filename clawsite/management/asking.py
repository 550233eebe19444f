"""Asking at the terminal. A secret is never echoed, and an input that ends is an answer, not a traceback."""

from __future__ import annotations

import getpass
import sys
import warnings
from pathlib import Path

from django.core.management.base import CommandError

from clawsite.core.errors import BadInput

MOST_SECRET = 10_000


def ask(question: str, *, default: str = "") -> str:
    """Return a line, the default for an empty one; CommandError when nobody can answer."""
    shown = f"{question} [{default}]: " if default else f"{question}: "
    try:
        return input(shown).strip() or default
    except EOFError:
        raise CommandError(f"Nobody answers the question {question!r}. Give it as an option; see --help.") from None


def agree(question: str, *, default: bool = False) -> bool:
    """Return whether the answer is yes; asks again until it is yes or no."""
    while True:
        word = ask(f"{question} (y/n)", default="y" if default else "n").lower()
        if word in ("y", "yes", "n", "no"):
            return word[0] == "y"


def ask_secret(question: str) -> str:
    """Return a secret that is typed unseen, or the next line of an input that is no terminal."""
    try:
        if not sys.stdin.isatty():
            return _next_line()
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)
            return getpass.getpass(f"{question}: ").strip()
    except (EOFError, getpass.GetPassWarning):
        raise CommandError(f"{question}: a secret cannot be asked for here. Give it in a file; see --help.") from None


def _next_line() -> str:
    line = sys.stdin.readline(MOST_SECRET)
    if not line:
        raise EOFError
    return line.strip()


def read_secret_file(path: str) -> str:
    """Return the secret in a file ("-" is the standard input); BadInput when it cannot be read."""
    try:
        if path == "-":
            return sys.stdin.read(MOST_SECRET).strip()
        with Path(path).expanduser().open(encoding="utf-8") as file:
            return file.read(MOST_SECRET).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise BadInput(f"{path} cannot be read: {reason}.") from None
