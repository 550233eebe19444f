"""Whether a backup could be written where the settings want it, and be large enough: asked long before one is due.

Nothing is written for that. A folder that is not there yet is made by the first backup, in the one above it.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from pathlib import Path

from clawsite.ops.backups.excess import find_excess
from clawsite.ops.backups.stores import local_store

logger = logging.getLogger(__name__)

SHOWN_CHARS = 200


def find_hindrance() -> str:
    """Return why no backup can be written here and what to do about it; "" when one can."""
    folder = local_store().root
    told = _why_not(folder)
    if not told:
        return find_excess()
    name = str(folder)[:SHOWN_CHARS]
    return (
        f"{name} cannot be written: {told}. Let the user of this service write there (under systemd by "
        "ReadWritePaths= in its unit, too), or set CLAW_BACKUP_DIR to another folder."
    )


def warn_of_hindrance() -> None:
    """Write it to the log, for whoever has just started this."""
    if found := find_hindrance():
        logger.warning("No backup can be made: %s", found)


def _why_not(folder: Path) -> str:
    """Look at the folder, or at the nearest one above it that is there. A link that leads nowhere is in the way."""
    place = next((each for each in (folder, *folder.parents) if not _is_missing(each)), folder)
    try:
        is_folder = stat.S_ISDIR(place.stat().st_mode)
    except OSError as error:
        return error.strerror or str(error)
    if not is_folder:
        return os.strerror(errno.ENOTDIR)
    if os.access(place, os.W_OK | os.X_OK):
        return ""
    return os.strerror(errno.EROFS if os.statvfs(place).f_flag & os.ST_RDONLY else errno.EACCES)


def _is_missing(place: Path) -> bool:
    try:
        place.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        pass  # there may be something; whoever looks closer learns what is in the way
    return False
