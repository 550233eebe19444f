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

import re
import uuid
from collections.abc import Mapping
from typing import Any

from bots.channels.base import Address, InboundMessage, Sender, Unparsed
from bots.channels.updates import MAX_TEXT, read_date, read_files, read_text

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
    text, callback = read_text(raw, "text", MAX_TEXT), read_text(raw, "callback", 64)
    files = read_files(raw.get("files"), folder=visitor)
    if not (text.strip() or callback or files):
        return None
    return InboundMessage(
        external_id=external_id,
        kind="callback" if callback else "message",
        address=Address(chat_id=visitor),
        direct=True,
        sender=Sender(external_id=visitor, name=read_text(raw, "name", 200), language=read_text(raw, "language", 8)),
        text=text,
        message_id=external_id.rpartition(":")[2],
        files=files,
        callback_id=external_id.rpartition(":")[2] if callback else "",
        callback_data=callback,
        date=read_date(raw.get("date")),
    )


def _visitor(raw: Mapping[str, Any]) -> str:
    value = raw.get("visitor")
    if not isinstance(value, str) or not _VISITOR.fullmatch(value):
        raise Unparsed("visitor is not an id.")
    return value
