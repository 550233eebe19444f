"""From chat.send or agent to one inbox row. The row is committed before the client is told that we have it.

The row's external id holds the owner and the idempotency key, and is unique: it is the record of what was sent.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from bots.channels.gateway.updates import external_id_of
from bots.channels.registry import get_adapter
from bots.channels.rich import clean_text
from bots.channels.updates import MAX_TEXT
from bots.polling import to_stored
from bots.work import account_of
from clawsite.core.errors import BadInput, Unavailable
from clawsite.core.metrics import MESSAGES
from clawsite.gateway.access import admit, check_own, get_channel
from clawsite.gateway.keys import own_chat
from clawsite.gateway.principal import Principal
from clawsite.gateway.runs import Run, find_row, read_run
from sessions_app.inbox import store_updates
from sessions_app.models import Channel, Inbox, Session
from sessions_app.sessions import get_or_create_session

# Messages of one session that wait; a program that does not wait for answers is told to.
MAX_WAITING = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """A message that is stored, now (`is_new`) or before under the same key."""

    session: Session
    run: Run
    is_new: bool


def check_message(text: str, *, has_files: bool) -> None:
    """Raise BadInput for a message that says nothing or is longer than any guard would look at."""
    if not text.strip() and not has_files:
        raise BadInput("message or attachment required")
    if len(text) > MAX_TEXT:
        raise BadInput(f"message has {len(text)} characters, {MAX_TEXT} at the most; send it as an attachment")


def find_stored(principal: Principal, key: str, run_id: str, *, text: str) -> Stored | None:
    """Return what was stored before under this idempotency key; BadInput when that was something else."""
    channel = get_channel()
    chat_id = own_chat(principal.owner, check_own(principal, key))
    pk = find_row(channel.pk, principal.owner, run_id)
    run = read_run(pk) if pk is not None else None
    if run is None:
        return None
    if run.place[1] != chat_id:
        raise BadInput("this idempotencyKey was used in another session")
    if not _says(run.inbox_id, text):
        raise BadInput("this idempotencyKey was used for another message")
    return Stored(session=_session(channel, chat_id), run=run, is_new=False)


def _says(inbox_id: int, text: str) -> bool:
    """Tell whether a row holds this text. An old row's was removed: then its key alone is what is known."""
    raw = Inbox.objects.values_list("raw", flat=True).get(pk=inbox_id)
    return not raw or clean_text(json.loads(raw).get("text", "")) == clean_text(text)


def store_message(
    principal: Principal, *, key: str, run_id: str, text: str, files: Sequence[Mapping[str, Any]] = ()
) -> Stored:
    """Store a message once, however often it comes."""
    with transaction.atomic():
        earlier = find_stored(principal, key, run_id, text=text)
        if earlier is not None:
            return earlier
        channel = get_channel()
        place = check_own(principal, key)
        admit(principal, channel)
        session = _session(channel, own_chat(principal.owner, place))
        raw = {
            "id": run_id,
            "owner": principal.owner,
            "key": place.name,
            "role": principal.role.value,
            "name": principal.name,
            "text": text,
            "files": list(files),
            "date": time.time(),
        }
        is_new = _store(channel, raw, external_id_of(principal.owner, run_id))
        run = read_run(find_row(channel.pk, principal.owner, run_id) or 0)
    if run is None:
        raise BadInput("The message cannot be read.")
    return Stored(session=session, run=run, is_new=is_new)


def _session(channel: Channel, chat_id: str) -> Session:
    session = get_or_create_session(channel.pk, chat_id=chat_id, direct=True)
    session.channel = channel
    return session


def _store(channel: Channel, raw: Mapping[str, Any], external_id: str) -> bool:
    """Store the row; False when another process stored one of this key at the same moment."""
    adapter = get_adapter(channel.kind)(account_of(channel))
    row = to_stored(adapter, raw, channel_id=channel.pk, username="")
    if row is None or row.state == Inbox.State.UNPARSED:
        raise BadInput("The message cannot be read.")
    if Inbox.objects.filter(state=Inbox.State.NEW, lane=row.lane)[:MAX_WAITING].count() >= MAX_WAITING:
        raise Unavailable(f"{MAX_WAITING} messages of this session wait for their answers. Try again later.")
    store_updates(channel.pk, [row])
    transaction.on_commit(MESSAGES.labels(channel.kind, "in").inc)
    ours = Inbox.objects.filter(channel_id=channel.pk, external_id=external_id).values_list("raw", flat=True).first()
    return ours == row.raw
