"""Places in the code as lines of text, and where dumps are kept."""

from __future__ import annotations

import json
import os
import traceback
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings

MOST_FRAMES = 30
KEPT = 50


def stack_of(frame: FrameType | None) -> list[str]:
    """Return the innermost places of a stack, the outermost of them first."""
    found = [] if frame is None else traceback.StackSummary.extract(traceback.walk_stack(frame), lookup_lines=False)
    return [f"{_short(entry.filename)}:{entry.lineno} {entry.name}" for entry in list(found)[:MOST_FRAMES]][::-1]


def place_of(frame: FrameType) -> str:
    """Return one place as file and function, which many samples share."""
    return f"{_short(frame.f_code.co_filename)}:{frame.f_code.co_qualname}"


def _short(name: str) -> str:
    """Return a path without where this installation or its libraries lie."""
    base = f"{settings.BASE_DIR}{os.sep}"
    return name.rpartition("site-packages/")[2] if "site-packages/" in name else name.removeprefix(base)


def folder() -> Path:
    """Return where dumps are kept, made private when it is not there."""
    path: Path = settings.RUN_DIR / "dumps"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def keep(name: str, dump: dict[str, Any]) -> Path:
    """Write a dump in one step, readable by its owner only, and forget the oldest of many."""
    path = folder() / f"{name}.json"
    draft = path.with_suffix(".draft")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(dump, file, indent=1)
    draft.replace(path)
    _forget_oldest()
    return path


def _forget_oldest() -> None:
    found: list[tuple[float, Path]] = []
    for path in folder().glob("*.json"):
        with suppress(FileNotFoundError):
            found.append((path.stat().st_mtime, path))
    for _, path in sorted(found)[:-KEPT]:
        path.unlink(missing_ok=True)
