"""Files on our side of a channel: opened beneath a folder, never through a link, and only from folders meant for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from django.conf import settings

from bots.channels.base import ChannelError, OutboundFile
from clawsite.core.errors import ClawError
from guardrails.paths import open_beneath

# Folders of CLAW_HOME whose files may leave. What leaves a project is copied to media first (workspaces.handing).
SENDABLE = frozenset({"media"})


def open_outbound(file: OutboundFile) -> IO[bytes]:
    """Open a file that is to be sent; ChannelError (permanent) when it is not there or may not leave."""
    if file.path.split("/", 1)[0] not in SENDABLE:
        raise ChannelError(f"The file {file.name} is not one that may be sent.", permanent=True)
    return open_regular(settings.CLAW_HOME, file.path)


def open_regular(root: Path, relative: str) -> IO[bytes]:
    """Open a plain file beneath a folder for reading; ChannelError (permanent) when there is none."""
    try:
        return open_beneath(root, relative)
    except (ClawError, OSError, ValueError) as error:
        raise ChannelError("The file is not there any more.", permanent=True) from error


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
