"""What the web consumer stores for a message from the page, and how it is read.

The raw update is one JSON object:

    {"id": "<UUID, made by the page, the same when it sends again>",
     "visitor": "<external id of the contact: 1-64 of A-Z a-z 0-9 _ . : ->",
     "name": "<name of the visitor, optional>", "language": "<code, optional>",
     "text": "<typed text, optional>",
     "files": [{"kind": "photo|document|voice|audio|video", "ref": "<visitor>/<file name>", "name": "...",
                "mime": "...", "size": 123}],
     "callback": "<data of a pressed button, optional>",
     "date": 1700000000.0}

`visitor`, `name` and `language` are what the server knows of the connection, never what the page claims. A file lies at
`CLAW_HOME/media/uploads/<ref>`; files outside of the visitor's own folder are refused here, whoever stored the row.
Invariant: a pure function; whatever the JSON holds, the only error is `Unparsed`.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Mapping
from typing import Any

from bots.channels.base import Address, InboundFile, InboundMessage, Sender, Unparsed
from bots.channels.rich import clean_text

UPLOADS = "uploads"
KINDS = frozenset({"photo", "document", "voice", "audio", "video"})
MAX_FILES = 10
MAX_TEXT = 65_536
_VISITOR = re.compile(r"[A-Za-z0-9_:-][A-Za-z0-9_.:-]{0,63}")


def get_external_id(raw: Mapping[str, Any]) -> str:
    """Return the update's id: unique by visitor, so that nobody can use up the ids of somebody else."""
    value = raw.get("id")
    try:
        number = uuid.UUID(value) if isinstance(value, str) else None
    except ValueError:
        number = None
    if number is None:
        raise Unparsed("id is not a UUID.")
    return f"{_visitor(raw)}:{number.hex}"


def parse_update(raw: Mapping[str, Any]) -> InboundMessage | None:
    """Return the update as a value, None for an empty message."""
    external_id = get_external_id(raw)
    visitor = _visitor(raw)
    text, callback = _text(raw, "text", MAX_TEXT), _text(raw, "callback", 64)
    files = _files(raw.get("files"), visitor)
    if not (text.strip() or callback or files):
        return None
    return InboundMessage(
        external_id=external_id,
        kind="callback" if callback else "message",
        address=Address(chat_id=visitor),
        direct=True,
        sender=Sender(external_id=visitor, name=_text(raw, "name", 200), language=_text(raw, "language", 8)),
        text=text,
        message_id=external_id.rpartition(":")[2],
        files=files,
        callback_id=external_id.rpartition(":")[2] if callback else "",
        callback_data=callback,
        date=_date(raw.get("date")),
    )


def _visitor(raw: Mapping[str, Any]) -> str:
    value = raw.get("visitor")
    if not isinstance(value, str) or not _VISITOR.fullmatch(value):
        raise Unparsed("visitor is not an id.")
    return value


def _text(raw: Mapping[str, Any], key: str, limit: int) -> str:
    value = raw.get(key)
    return clean_text(value)[:limit] if isinstance(value, str) else ""


def _date(value: object) -> float:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and -1e12 < value < 1e12
    return float(value) if usable and math.isfinite(value) else 0.0  # type: ignore[arg-type]


def _files(value: object, visitor: str) -> tuple[InboundFile, ...]:
    items = value if isinstance(value, list) else []
    found = (_file(item, visitor) for item in items[:MAX_FILES] if isinstance(item, dict))
    return tuple(file for file in found if file is not None)


def _file(item: Mapping[str, Any], visitor: str) -> InboundFile | None:
    folder, _, name = _text(item, "ref", 301).partition("/")
    if folder != visitor or not name or "/" in name or name in {".", ".."} or len(name) > 200:
        raise Unparsed("A file is not in the visitor's folder.")
    size = item.get("size")
    known = isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 2**50
    return InboundFile(
        kind=kind if (kind := _text(item, "kind", 10)) in KINDS else "document",
        ref=f"{folder}/{name}",
        name=_text(item, "name", 255),
        mime=_text(item, "mime", 100),
        size=size if known else 0,  # type: ignore[arg-type]
    )
