"""Token references: where a token is, never what it is. It is read anew for each connection, so that it may change.

A reference is `env:NAME`, `file:PATH`, or a function without parameters that returns the token.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from clawsite.rpc.errors import BadTarget

TokenRef = str | Callable[[], str]

MOST_BYTES = 16 * 1024
HIDDEN = "[token]"


def check_token_ref(ref: TokenRef) -> None:
    """Raise BadTarget unless this is a reference. What was given is not repeated: it may be a token."""
    if callable(ref):
        return
    kind, colon, name = ref.partition(":")
    if not colon or kind not in ("env", "file") or not name:
        raise BadTarget("A token reference is env:NAME or file:PATH; a token itself does not belong there.")


def read_token(ref: TokenRef | None) -> str:
    """Return the token now behind a reference, "" for no reference; BadTarget when it cannot be read."""
    if ref is None:
        return ""
    check_token_ref(ref)
    if callable(ref):
        return ref()
    kind, _, name = ref.partition(":")
    token = os.environ.get(name, "").strip() if kind == "env" else _read_file(name)
    if not token:
        raise BadTarget(f"There is no token in {ref}.")
    return token


def _read_file(name: str) -> str:
    try:
        with Path(name).expanduser().open(encoding="utf-8") as file:
            return file.read(MOST_BYTES).strip()
    except OSError as error:
        raise BadTarget(f"The token file {name} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise BadTarget(f"The token file {name} is not text.") from None


def hide(text: str, token: str) -> str:
    """Return a text without the token: whoever is at the other end knows it and may send it back."""
    return text.replace(token, HIDDEN) if token else text
