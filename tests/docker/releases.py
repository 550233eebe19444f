"""Releases of the product for tests of the switch: folders like a checkout, one of them with a fault."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from tests.programs import ROOT

COPIED = ("clawsite", "bots")
LINKED = ("guardrails", "sessions_app", "runbooks", "templates")


def make_release(folder: Path, *, version: str) -> Path:
    """Make a release that calls itself by this version."""
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name)
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "manage.py", folder)  # Python looks for modules beside the file itself, not beside its link
    (folder / ".venv").symlink_to(Path(sys.prefix))
    settings = folder / "clawsite" / "settings.py"
    _replace(settings, r'^VERSION = ".*"$', f'VERSION = "{version}"')
    return folder


def break_pipeline(folder: Path) -> None:
    """Give a release a fault that no health check sees: it is ready, and answers no message."""
    pipeline = folder / "bots" / "pipeline.py"
    head = r"^(    async def run_row\(.*\) -> bool:\n        \"\"\".*\"\"\"\n)"
    _replace(pipeline, head, r"\1        return False\n")


def _replace(path: Path, pattern: str, new: str) -> None:
    text, count = re.subn(pattern, new, path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert count == 1, f"{pattern} is {count} times in {path.name}"
    path.write_text(text, encoding="utf-8")
