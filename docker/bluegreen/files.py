"""Files that are replaced in one step."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def write_safely(path: Path, text: str) -> None:
    """Replace a file: it is whole at any moment, also after the machine lost its power, and its mode stays."""
    draft = path.with_name(f"{path.name}.draft")
    draft.unlink(missing_ok=True)
    with draft.open("x", encoding="utf-8") as file:
        if path.exists():
            shutil.copymode(path, draft)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
