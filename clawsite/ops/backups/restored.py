"""The row of a backup that was restored. In its own database it is still being made, and nobody would ever end it."""

from __future__ import annotations

from django.utils import timezone

from clawsite.models import Backup
from clawsite.ops.backups.about import About

State = Backup.State


def note_restored(name: str, *, place: str, size: int, about: About) -> None:
    """Write down that it can be restored, so that it is neither missed nor told as one that did not succeed.

    The archive knows the name of its row; `name`, that of the file, is for those that were made before they told it.
    """
    now = timezone.now()
    Backup.objects.filter(name=about.name or name).exclude(state=State.VERIFIED).update(
        state=State.VERIFIED, error="", places=[place], size=size, counts={"tables": about.counts},
        verified_at=now, ended_at=now,
    )  # fmt: skip
