"""Files that the bot sends, kept as attachments of its message: the transcript and the web chat show them too."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from django.conf import settings

from bots.channels.base import OutboundFile
from sessions_app.models import Attachment

_MEDIA = "media/"


def mention_files(files: Sequence[OutboundFile]) -> list[dict[str, Any]]:
    """Return what a message row says of its files, as it does of those that people send."""
    return [{"name": file.name, "mime": file.mime, "size": size_of(file), "kind": file.kind} for file in files]


def keep_files(session_id: int, seq: int, files: Sequence[OutboundFile]) -> None:
    """Note the files of a message that lie in the media folder. In the transaction of its cause."""
    Attachment.objects.bulk_create(
        Attachment(
            session_id=session_id,
            message_seq=seq,
            kind=file.kind[:10],
            name=file.name[:255],
            mime=file.mime[:100],
            size=size_of(file),
            path=file.path.removeprefix(_MEDIA),
            state=Attachment.State.STORED,
        )
        for file in files
        if file.path.startswith(_MEDIA)
    )


def size_of(file: OutboundFile) -> int:
    """Return the bytes of a file, 0 for one that is not there any more."""
    with suppress(OSError):
        return (settings.CLAW_HOME / file.path).stat().st_size
    return 0
