"""How much a backup may hold. The same bounds when it is made and when one is opened, so that each can be restored."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from clawsite.ops.backups.errors import BackupFailed, BadArchive
from clawsite.ops.backups.excess import GIBIBYTE
from clawsite.ops.backups.tar import Member

RATIO = 200
# Below this size a small archive may unpack to more than RATIO times its own size: empty pages do.
FREE_BYTES = 64 * 1024**2
DOCUMENT_BYTES = 16 * 1024**2
DATABASE = "database/"


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """Counted on the bytes that come, because headers may say anything. The database may be as large as all of it."""

    members: int
    total_bytes: int
    member_bytes: int

    @classmethod
    def of_settings(cls) -> Bounds:
        """Return what CLAW_BACKUP_FILES and CLAW_BACKUP_GIGABYTES allow; a single file may be a quarter of all."""
        total = settings.CLAW_BACKUP_GIGABYTES * GIBIBYTE
        return cls(members=settings.CLAW_BACKUP_FILES, total_bytes=total, member_bytes=total // 4)


class Count:
    """What has come so far."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self.members = 0
        self.bytes = 0

    def problem(self, member: Member) -> str:
        """Count a member by its header; return what is too much, or ""."""
        self.members += 1
        self.bytes += member.size
        if self.members > self._bounds.members:
            return f"more than {self._bounds.members} files (CLAW_BACKUP_FILES)"
        if self.bytes > self._bounds.total_bytes:
            return f"more than {self._bounds.total_bytes // GIBIBYTE} GiB (CLAW_BACKUP_GIGABYTES)"
        if member.size > self._bounds.member_bytes and not member.name.startswith(DATABASE):
            return f"a file of more than {self._bounds.member_bytes // 1024**2} MiB, {member.name[-100:]!r}"
        return ""

    def check_read(self, member: Member) -> None:
        """Count a member of an archive; BadArchive when it is too much."""
        if problem := self.problem(member):
            raise BadArchive(f"The archive holds {problem}.")

    def check_written(self, member: Member) -> None:
        """Count a member of a backup that is made; BackupFailed when it could not be restored."""
        if problem := self.problem(member):
            raise BackupFailed(f"There is {problem}. Raise the limit or remove what is not needed.")
