"""Key files of this installation. A key is made once, readable by its owner only, and never overwritten."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def load_or_create_key(path: Path, make: Callable[[], str]) -> str:
    """Return the text of a key file, creating it (mode 0600) with `make()` when it is missing.

    Safe when several processes start at once: the file appears whole by a link, and the first one wins.
    ImproperlyConfigured when it can be neither read nor made.
    """
    try:
        return _load_or_create(path, make)
    except OSError as error:
        raise ImproperlyConfigured(
            f"The key file {path} cannot be read or made: {error.strerror}. Its owner must be who runs clawsite."
        ) from None


def _load_or_create(path: Path, make: Callable[[], str]) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        pass
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(make() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text(encoding="ascii").strip()
