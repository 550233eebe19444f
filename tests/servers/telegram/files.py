"""Files of the emulator: stored once, given out by file_id and by path, described as the Bot API does."""

from __future__ import annotations

import hashlib
import mimetypes
import struct
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from tests.servers.telegram.errors import ApiError, bad_request

DOWNLOAD_LIMIT = 20 * 1024 * 1024
UPLOAD_LIMIT = 50 * 1024 * 1024
PHOTO_LIMIT = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One file.

    `path` is what getFile answers, `size` may be a claim larger than the data (to test refusals).
    """

    file_id: str
    unique_id: str
    path: str
    name: str
    mime_type: str
    data: bytes
    size: int

    def describe(self) -> dict[str, Any]:
        return {"file_id": self.file_id, "file_unique_id": self.unique_id, "file_size": self.size}


class FileStore:
    """All files of a server."""

    def __init__(self) -> None:
        self.by_id: dict[str, StoredFile] = {}
        self.by_path: dict[str, StoredFile] = {}

    def add(
        self, data: bytes, *, name: str, kind: str, mime_type: str | None = None, size: int | None = None
    ) -> StoredFile:
        """Store bytes under a new file_id. `kind` is the folder: documents, photos, voice."""
        number = len(self.by_id)
        digest = hashlib.blake2b(data + name.encode("utf-8", "replace") + b"%d" % number, digest_size=16).hexdigest()
        suffix = PurePath(name).suffix if len(PurePath(name).suffix) <= 10 else ""
        stored = StoredFile(
            file_id=f"BQAC{digest}",
            unique_id=f"AgAD{digest[:12]}",
            path=f"{kind}/file_{number}{suffix}",
            name=name,
            mime_type=mime_type or mimetypes.guess_type(name)[0] or "application/octet-stream",
            data=data,
            size=len(data) if size is None else size,
        )
        self.by_id[stored.file_id] = stored
        self.by_path[stored.path] = stored
        return stored

    def get(self, file_id: str) -> StoredFile:
        if file_id not in self.by_id:
            raise bad_request("wrong file identifier/HTTP URL specified")
        return self.by_id[file_id]

    def describe(self, file_id: str) -> dict[str, Any]:
        """The answer of getFile."""
        if file_id not in self.by_id:
            raise bad_request("invalid file_id")
        stored = self.by_id[file_id]
        if stored.size > DOWNLOAD_LIMIT:
            raise bad_request("file is too big")
        return stored.describe() | {"file_path": stored.path}


def document_json(stored: StoredFile) -> dict[str, Any]:
    return stored.describe() | {"file_name": stored.name, "mime_type": stored.mime_type}


def voice_json(stored: StoredFile, *, duration: int = 1) -> dict[str, Any]:
    return stored.describe() | {"mime_type": stored.mime_type, "duration": duration}


def photo_json(stored: StoredFile) -> list[dict[str, Any]]:
    """The photo as a list of sizes, smallest first; raises ApiError when the bytes are no picture."""
    width, height = picture_size(stored.data)
    if width + height > 10_000 or max(width, height) > 20 * min(width, height):
        raise bad_request("PHOTO_INVALID_DIMENSIONS")
    return [stored.describe() | {"width": width, "height": height}]


def check_upload(data: bytes, *, photo: bool) -> None:
    if len(data) > UPLOAD_LIMIT:
        raise ApiError(413, "Request Entity Too Large")
    if photo and len(data) > PHOTO_LIMIT:
        raise bad_request("file is too big for a photo; the maximum size is 10485760 bytes")
    if not data:
        raise bad_request("file must be non-empty")


def picture_size(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG, GIF or JPEG."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        return struct.unpack(">II", data[16:24])
    if data[:6] in (b"GIF87a", b"GIF89a") and len(data) >= 10:
        return struct.unpack("<HH", data[6:10])
    if data[:2] == b"\xff\xd8":
        return _jpeg_size(data)
    raise bad_request("IMAGE_PROCESS_FAILED")


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], struct.unpack(">H", data[at + 2 : at + 4])[0]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + length
    raise bad_request("IMAGE_PROCESS_FAILED")
