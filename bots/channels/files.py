"""Files on our side of a channel: opened beneath a folder, never through a link, and only from folders meant for it.

Paths come from rows and from outside, so they are followed one component at a time from a directory handle.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from django.conf import settings

from bots.channels.base import ChannelError, OutboundFile

# Folders of CLAW_HOME whose files may leave; its keys and its database are beside them.
SENDABLE = frozenset({"media", "workspaces"})


def open_outbound(file: OutboundFile) -> IO[bytes]:
    """Open a file that is to be sent; ChannelError (permanent) when it is not there or may not leave."""
    if file.path.split("/", 1)[0] not in SENDABLE:
        raise ChannelError(f"The file {file.name} is not one that may be sent.", permanent=True)
    return open_regular(settings.CLAW_HOME, file.path)


def open_regular(root: Path, relative: str) -> IO[bytes]:
    """Open a plain file beneath a folder for reading; ChannelError (permanent) when there is none."""
    try:
        handle = _open_beneath(root, relative)
    except (OSError, ValueError) as error:
        raise ChannelError("The file is not there any more.", permanent=True) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ChannelError("The file is not there any more.", permanent=True)
    return open(handle, "rb")


@contextmanager
def create_file(target: Path) -> Iterator[IO[bytes]]:
    """Open a file (mode 0600) that appears as `target` when the block ends, and not at all when it fails."""
    part = target.with_name(f".{target.name}.part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with open(handle, "wb") as out:
            yield out
        part.replace(target)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def _open_beneath(root: Path, relative: str) -> int:
    parts = relative.split("/")
    if not all(parts) or any(part in {".", ".."} for part in parts):
        raise ValueError("not a plain relative path")
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)
