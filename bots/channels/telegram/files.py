"""Files both ways: sent from beneath CLAW_HOME, fetched to where the caller says, each within the platform's limits."""

from __future__ import annotations

import asyncio
import io
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from bots.channels.base import ChannelError, OutboundFile
from bots.channels.files import create_file, open_outbound
from guardrails.paths import safe_name

if TYPE_CHECKING:
    from bots.channels.telegram.calls import BotApi

UPLOAD_MAX = 50 * 1024 * 1024
PHOTO_MAX = 10 * 1024 * 1024
FETCH_SECONDS = 60.0
# What the server says of a picture that it cannot show as one.
_NO_PHOTO = ("photo_invalid_dimensions", "image_process_failed", "photo_save_file_invalid", "photo_ext_invalid")


async def send_file(api: BotApi, file: OutboundFile, content: bytes | None, params: dict[str, Any]) -> Any:
    """Send a file (or the content that goes by its name) with place, caption and buttons; return the message.

    A picture that is too large or that the platform cannot show goes out as a document.
    """
    with await asyncio.to_thread(_source, file, content) as source:
        name = safe_name(file.name)
        size = source.seek(0, os.SEEK_END)
        source.seek(0)
        if size > UPLOAD_MAX:
            raise ChannelError("The file is larger than Telegram takes (50 MB).", permanent=True)
        if file.kind == "photo" and size <= PHOTO_MAX:
            try:
                return await api.upload("sendPhoto", params, field="photo", name=name, source=source)
            except ChannelError as error:
                if not any(words in error.message.lower() for words in _NO_PHOTO):
                    raise
                source.seek(0)
        return await api.upload("sendDocument", params, field="document", name=name, source=source)


def _source(file: OutboundFile, content: bytes | None) -> IO[bytes]:
    return open_outbound(file) if content is None else io.BytesIO(content)


async def fetch_file(api: BotApi, ref: str, target: Path, *, limit: int) -> int:
    """Download a file to `target` (mode 0600) and return its size; nothing is left there on failure."""
    found = await api.call("getFile", {"file_id": ref})
    path = found.get("file_path") if isinstance(found, dict) else None
    if not isinstance(path, str) or not path or path.startswith("/") or ".." in path.split("/"):
        raise ChannelError("Telegram: The file has no usable path.", permanent=True)
    size = found.get("file_size")
    if isinstance(size, int) and size > limit:
        raise ChannelError("The file is larger than allowed.", permanent=True)
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            with create_file(target) as out:
                return await api.download(path, out, limit=limit)
    except TimeoutError:
        raise ChannelError("Telegram: The file took too long to fetch.") from None
