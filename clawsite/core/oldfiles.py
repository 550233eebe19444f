"""Removing what has lain for so long that nobody asks for it any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path


def remove_old(paths: Iterable[Path], *, days: float, remove: Callable[[Path], object] = Path.unlink) -> int:
    """Remove what was last changed so many days ago; return how many. What goes by itself meanwhile is passed over."""
    oldest = time.time() - days * 86_400
    removed = 0
    for path in paths:
        with suppress(FileNotFoundError):
            if path.lstat().st_mtime < oldest:
                remove(path)
                removed += 1
    return removed
