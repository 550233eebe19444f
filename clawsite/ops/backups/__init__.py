"""Backups: everything that an empty machine needs to be this installation again.

A backup is one file: a tar of a snapshot of the database, the files of CLAW_HOME and the keys, compressed by zstd and
encrypted in age's format, so that `age -d | zstd -d | tar x` reads it without us. The identity that opens it lies
outside of every backup. Nothing counts as a backup before it was read back and restored into a scratch place.
"""

from clawsite.ops.backups.status import LastBackup, last

__all__ = ["LastBackup", "last"]
