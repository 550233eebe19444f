"""What chat.send and agent store for a message, and how it is read.

The raw update is one JSON object:

    {"id": "<idempotency key, which is the run's id>",
     "owner": "<external id of the contact: 1-64 of A-Z a-z 0-9 _ . : ->",
     "key": "<the session's key behind agent:main:>",
     "role": "<the most that the credential allows: viewer, operator or admin>",
     "name": "<name of the token, optional>",
     "text": "<text, optional>",
     "files": [{"kind": "photo|document|voice|audio|video", "ref": "gw.<owner>/<file name>", "name": "...",
                "mime": "...", "size": 123}],
     "date": 1700000000.0}

`owner`, `role` and `name` are what the server knows of the connection, never what the client claims.
Invariant: pure functions; whatever the JSON holds, the only error is `Unparsed`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from bots.channels.base import Address, InboundMessage, Sender, Unparsed
from bots.channels.rich import clean_text
from bots.channels.updates import MAX_TEXT, read_date, read_files, read_text
from guardrails.types import Role

MAX_KEY = 120
MAX_RUN_ID = 512
_OWNER = re.compile(r"[A-Za-z0-9_:-][A-Za-z0-9_.:-]{0,63}")
# A lane is channel/chat/thread#control, so neither sign may be in a key.
_KEY = re.compile(r"[^\s/#\\\x00-\x1f\x7f]{1,120}")
_ROLES = frozenset({Role.VIEWER, Role.OPERATOR, Role.ADMIN})


def is_key(text: str) -> bool:
    """Tell whether a text can be what follows agent:main: in a session's key."""
    return bool(_KEY.fullmatch(text)) and text.isprintable()


def chat_id_of(owner: str, key: str) -> str:
    """Return the chat that a session of an owner is."""
    return f"{owner}/{key}"


def folder_of(owner: str) -> str:
    """Return the folder of an owner's files, which is nobody else's and no browser's."""
    return f"gw.{owner}"


def run_ref(run_id: str) -> str:
    """Return the name of a run in rows: its id, or a digest of one that is long or could not be stored."""
    if len(run_id) <= 64 and clean_text(run_id) == run_id and run_id.isprintable():
        return run_id
    return "~" + hashlib.sha256(run_id.encode("utf-8", "surrogatepass")).hexdigest()[:60]


def external_id_of(owner: str, run_id: str) -> str:
    """Return the inbox row's external id: unique by owner, so that nobody can use up the keys of somebody else."""
    whole = f"{owner}:{run_ref(run_id)}"
    return whole if len(whole) <= 100 else "~" + hashlib.sha256(whole.encode()).hexdigest()


def get_external_id(raw: Mapping[str, Any]) -> str:
    """Return the update's id; Unparsed when it has none."""
    return external_id_of(_owner(raw), _run_id(raw))


def parse_update(raw: Mapping[str, Any]) -> InboundMessage | None:
    """Return the update as a value, None for an empty message."""
    owner, run_id, key = _owner(raw), _run_id(raw), raw.get("key")
    if not isinstance(key, str) or not is_key(key):
        raise Unparsed("key is not a session's.")
    role = raw.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise Unparsed("role is not one.")
    text = read_text(raw, "text", MAX_TEXT)
    files = read_files(raw.get("files"), folder=folder_of(owner))
    data = read_text(raw, "callback", 64)
    if not (text.strip() or files or data):
        return None
    return InboundMessage(
        external_id=external_id_of(owner, run_id),
        kind="callback" if data else "message",
        address=Address(chat_id=chat_id_of(owner, key)),
        direct=True,
        sender=Sender(external_id=owner, name=read_text(raw, "name", 200), role=Role(role)),
        text=text,
        message_id=run_ref(run_id),
        files=files,
        callback_id=run_ref(run_id) if data else "",
        callback_data=data,
        date=read_date(raw.get("date")),
    )


def _owner(raw: Mapping[str, Any]) -> str:
    value = raw.get("owner")
    if not isinstance(value, str) or not _OWNER.fullmatch(value):
        raise Unparsed("owner is not an id.")
    return value


def _run_id(raw: Mapping[str, Any]) -> str:
    value = raw.get("id")
    if not isinstance(value, str) or not 0 < len(value) <= MAX_RUN_ID:
        raise Unparsed("id is not a key.")
    return value
