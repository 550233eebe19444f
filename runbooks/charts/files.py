"""Where charts and other files of ours lie until they are sent: CLAW_HOME/media/charts, for as long as a chat may still
ask for them again."""

from __future__ import annotations

import os

from django.conf import settings

from clawsite.core.oldfiles import remove_old

FOLDER = "charts"
# As long as an answer waits for a channel that is away, and a day more.
KEPT_DAYS = 4


def save_chart(name: str, picture: bytes) -> str:
    """Store a picture under a name of ours, replacing one of the same name; return its path relative to CLAW_HOME."""
    return save_file(f"{name}.png", picture)


def save_file(name: str, data: bytes) -> str:
    """Store a file in the same way, under a name with its ending."""
    folder = settings.MEDIA_ROOT / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / name
    draft = folder / f".{name}.{os.getpid()}.part"
    draft.write_bytes(data)
    draft.chmod(0o600)
    draft.replace(target)
    return str(target.relative_to(settings.CLAW_HOME))


def clean_charts() -> int:
    """Remove what is older than charts are kept, drafts too; return how many."""
    return remove_old((settings.MEDIA_ROOT / FOLDER).glob("*"), days=KEPT_DAYS)
