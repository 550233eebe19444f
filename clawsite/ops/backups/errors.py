"""What can be wrong with a backup, in sentences for the operator."""

from __future__ import annotations

from clawsite.core.errors import ClawError


class BackupFailed(ClawError):
    """A backup could not be made, stored or read; the message says why."""

    code = "backup_failed"


class BadArchive(ClawError):
    """An archive is not one of ours, is damaged, or holds what no backup of ours holds. Nothing was changed."""

    code = "bad_archive"
