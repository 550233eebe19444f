"""Attachments of chat.send and agent: checked and stored in the owner's folder before the row that names them."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec
from django.conf import settings

from bots.channels.files import create_file
from bots.channels.gateway.updates import folder_of
from bots.channels.updates import MAX_FILES, UPLOADS
from clawsite.core.errors import BadInput
from clawsite.web.chat.uploads import MAX_BYTES, PHOTOS, check_room, clean_name, kind_of

MAX_IMAGE_BYTES = 6 * 1024 * 1024


class Attached(msgspec.Struct, kw_only=True, rename="camel"):
    """One attachment as it comes: base64, or a data: URL."""

    content: str
    type: str = ""
    mime_type: str = ""
    file_name: str = ""


def store_files(owner: str, attachments: Sequence[Attached]) -> list[dict[str, Any]]:
    """Store attachments and return them as a stored update names them; BadInput when one cannot be used."""
    if len(attachments) > MAX_FILES:
        raise BadInput(f"at most {MAX_FILES} attachments go with one message")
    folder = settings.MEDIA_ROOT / UPLOADS / folder_of(owner)
    decoded = [_decode(each) for each in attachments]
    if decoded:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stored = []
    for each, content in zip(attachments, decoded, strict=True):
        check_room(folder, len(content))
        name, mime = uuid.uuid4().hex, _mime(each)
        with create_file(folder / name) as out:
            out.write(content)
        label = clean_name(each.file_name[:200])
        ref = f"{folder_of(owner)}/{name}"
        stored.append({"kind": kind_of(mime), "ref": ref, "name": label, "mime": mime, "size": len(content)})
    return stored


def _mime(each: Attached) -> str:
    head = each.content[:200]
    named = head[5:].partition(";")[0] if head.startswith("data:") else ""
    return (each.mime_type or named).partition(";")[0].strip().lower()[:100]


def _decode(each: Attached) -> bytes:
    text = each.content.partition(",")[2] if each.content.startswith("data:") else each.content
    label = each.file_name[:80] or each.type[:20] or "attachment"
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadInput(f"attachment {label}: content must be base64") from None
    limit = MAX_IMAGE_BYTES if _mime(each) in PHOTOS or each.type == "image" else MAX_BYTES
    if not content or len(content) > limit:
        raise BadInput(f"attachment {label}: {len(content)} bytes; 1 to {limit} are allowed")
    return content
