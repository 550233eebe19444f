"""Folders that settings name: found, made and writable, or one sentence that says what is in the way."""

from __future__ import annotations

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from clawsite.core.env import env_str


def env_folder(name: str, default: str | Path) -> Path:
    """Return the absolute path of a folder from the environment; `~` is the home of who runs this."""
    text = env_str(name, str(default))
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise ImproperlyConfigured(
            f"{name} is {text!r}, and this user has no home folder. Set {name} to an absolute path."
        ) from None


def make_folder(name: str, path: Path) -> Path:
    """Make a folder, with its parents, unless it is there, and return it; `name`: the setting that says where."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(0, "this user may not write there")
    except OSError as error:
        reason = "a file is in its place" if isinstance(error, FileExistsError) else error.strerror
        raise ImproperlyConfigured(
            f"{name} needs the folder {path}, which cannot be used: {reason}. "
            f"Mend that, or set {name} to a folder that this user may write to."
        ) from None
    return path
