"""read_attachment: reads a file that somebody sent in this session, and in no other.

The bytes were stored by the pipeline under a name of ours. What a file is, is told from its bytes, not from
the name or type its sender gave. Text is read in pages, pictures are handed to the model as pictures.
"""

from __future__ import annotations

import asyncio
import base64
import codecs
from typing import Any

from django.conf import settings

from bots.agent.tools.registry import tool
from bots.agent.types import ToolContext, ToolOutput
from clawsite.core.db import run_db
from clawsite.core.errors import BadInput, Unavailable
from guardrails.paths import open_beneath
from guardrails.tools import ToolPolicy
from guardrails.types import Role
from sessions_app.models import Attachment

TEXT_MAX = 50_000
PAGE = 15_000
PICTURE_BYTES = 3_750_000  # five million characters as base64, which is what a request may carry
READ_BYTES = 4 * 1024 * 1024
LISTED = 10
_PICTURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def _find(session_id: int, number: int | None) -> tuple[Attachment | None, list[Attachment]]:
    """Return the file of this number (the newest stored one without a number) and the newest files."""
    files = Attachment.objects.filter(session_id=session_id).order_by("-id")
    if number is None:
        return files.filter(state=Attachment.State.STORED).first(), list(files[:LISTED])
    return files.filter(pk=number).first(), list(files[:LISTED])


def _describe(file: Attachment) -> str:
    return f"#{file.pk} {file.name or file.kind} ({file.mime or 'unknown type'}, {file.size} bytes)"


def _read(path: str) -> bytes:
    """Return the first 4 MB of a stored file; never follows a link out of the media folder."""
    with open_beneath(settings.MEDIA_ROOT, path) as file:
        return bytes(file.read(READ_BYTES))


def find_picture_type(data: bytes) -> str:
    """Return the type of a picture a model can look at, "" for anything else."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _PICTURES if data.startswith(start)), "")


def decode_text(data: bytes, *, language: str) -> str | None:
    """Return the text of a file, or None when it is not text. Old files without Unicode are read by language."""
    for bom, name in _BOMS:
        if data.startswith(bom):
            return data.decode(name, errors="replace")
    if b"\0" in data[:8192] or data.startswith(b"%PDF"):
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(data) >= READ_BYTES and error.start >= len(data) - 3:  # a letter cut in two at the limit
            return data[: error.start].decode("utf-8")
    odd = sum(1 for byte in data[:4096] if byte < 32 and byte not in (9, 10, 12, 13, 27))
    if odd > len(data[:4096]) * 0.01:
        return None
    return data.decode("cp1251" if language.startswith("ru") else "cp1252", errors="replace")


def _page(text: str, *, start: int) -> str:
    readable = text[:TEXT_MAX]
    if start and start >= len(readable):
        raise BadInput(f"The readable part ends at character {len(readable)}.")
    end = min(start + PAGE, len(readable))
    note = f"[characters {start} to {end} of {len(text)}"
    if end < len(readable):
        note += f"; go on with start={end}"
    elif len(text) > TEXT_MAX:
        note += f"; only the first {TEXT_MAX} can be read"
    return f"{readable[start:end]}\n{note}]"


@tool(
    "read_attachment",
    description=(
        "Read a file that was sent in this conversation: text page by page, pictures as pictures. Without a number it "
        "takes the newest file and lists the others."
    ),
    schema={
        "type": "object",
        "properties": {
            "number": {"type": "integer", "minimum": 1, "description": "The file's number, such as 12 for #12."},
            "start": {"type": "integer", "minimum": 0, "description": "The character to start at (0)."},
        },
    },
    policy=ToolPolicy(name="read_attachment", role=Role.VIEWER, effect="read"),
    repeatable=True,
)
async def read_attachment(context: ToolContext, arguments: dict[str, Any]) -> ToolOutput:
    """Return a page of text, or a picture."""
    file, newest = await run_db(_find, context.session_id, arguments.get("number"))
    listed = "\n".join(_describe(one) for one in newest)
    if file is None:
        raise BadInput(
            f"There is no such file here. The newest ones:\n{listed}" if listed else "No file was sent here."
        )
    if file.state != Attachment.State.STORED:
        raise Unavailable(f"{_describe(file)} could not be stored: {file.error or 'not fetched yet'}.")
    try:
        data = await asyncio.to_thread(_read, file.path)
    except OSError:
        raise Unavailable(f"{_describe(file)} cannot be read from disk.") from None
    head = _describe(file) + ("" if "number" in arguments else f"\nNewest files:\n{listed}") + "\n\n"
    return await asyncio.to_thread(_show, data, head, context.language, arguments.get("start", 0))


def _show(data: bytes, head: str, language: str, start: int) -> ToolOutput:
    picture = find_picture_type(data)
    if picture and len(data) > PICTURE_BYTES:
        raise BadInput("This picture is too large to look at.")
    if picture:
        encoded = base64.b64encode(data).decode("ascii")
        return ToolOutput(text=head + "The picture follows.", source="attachment", images=((picture, encoded),))
    text = decode_text(data, language=language)
    if text is None:
        raise BadInput("This file is neither text nor a picture that can be read here.")
    return ToolOutput(text=head + _page(text, start=start), source="attachment")
