"""Where installed skills lie: CLAW_HOME/skills/NAME/DIGEST. The row says which digest counts, so a new one counts at
once or not at all. Whoever writes here holds one lock, over all processes of the machine.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from bots.skills.package import Files, digest_of, read_package
from clawsite.core.errors import BadInput
from guardrails.paths import open_beneath

_STAGING = ".new-"
_DIGEST_CHARS = 16


def skills_root() -> Path:
    """Return the folder of all skills."""
    return Path(settings.CLAW_HOME) / "skills"


def folder_of(name: str, digest: str) -> Path:
    """Return where the files of a skill with this digest lie."""
    return skills_root() / name / digest[:_DIGEST_CHARS]


@contextmanager
def locked() -> Iterator[None]:
    """Hold the lock of the folder; it ends with the process that holds it."""
    root = skills_root()
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (root / ".lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def store(name: str, files: Files) -> None:
    """Write the files of a skill beside its earlier ones. Under the lock; what a crash left behind is taken away."""
    root, target = skills_root(), folder_of(name, digest_of(files))
    for left in root.glob(f"{_STAGING}*"):
        shutil.rmtree(left, ignore_errors=True)
    staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=root))
    for path, content in files.items():
        with open_beneath(staging, path, mode="xb", create_parents=True) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    if target.exists():
        shutil.rmtree(target)
    target.parent.mkdir(mode=0o700, exist_ok=True)
    staging.rename(target)


def keep_only(name: str, digest: str = "") -> None:
    """Remove the files of a skill but for those of one digest (none of them without it). Under the lock."""
    parent = skills_root() / name
    kept = folder_of(name, digest) if digest else None
    for path in parent.glob("*") if parent.is_dir() else ():
        if path != kept:
            shutil.rmtree(path, ignore_errors=True)
    if kept is None:
        shutil.rmtree(parent, ignore_errors=True)


def is_unchanged(name: str, digest: str) -> bool:
    """Tell whether the files on disk are still those that were installed. Reads all of them."""
    try:
        return digest_of(read_package(folder_of(name, digest), strict=True)) == digest
    except (BadInput, OSError):
        return False
