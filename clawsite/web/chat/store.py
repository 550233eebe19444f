"""From a frame of the page to one inbox row. The row is committed before the page is told that we have it."""

from __future__ import annotations

import time
from typing import Any

from django.utils.translation import gettext as _

from bots.channels.registry import get_adapter
from bots.polling import to_stored
from bots.work import account_of
from clawsite.core.errors import BadInput, NotAllowed, NotConfigured
from clawsite.core.metrics import MESSAGES
from clawsite.web.chat.frames import Callback, Send
from clawsite.web.chat.history import has_button
from clawsite.web.chat.identity import KIND, Visitor, get_channel
from clawsite.web.chat.uploads import read_ref
from sessions_app.inbox import store_updates
from sessions_app.models import Contact, Inbox


def store_message(visitor: Visitor, frame: Send) -> None:
    """Store a typed message once, however often it comes; BadInput when it cannot be used."""
    if not frame.text.strip() and not frame.files:
        raise BadInput(_("The message is empty."))
    if frame.files and not _is_approved(visitor):
        raise NotAllowed(_("You can send files once an admin has let you in."))
    files = [read_ref(ref, visitor=visitor).as_raw() for ref in frame.files]
    _store(visitor, {"id": frame.id, "text": frame.text, "files": files})


def store_press(visitor: Visitor, frame: Callback) -> None:
    """Store a pressed button that really is in a message of the visitor's own."""
    if not has_button(visitor, seq=frame.seq, data=frame.data):
        raise BadInput(_("This button is not there any more."))
    _store(visitor, {"id": frame.id, "callback": frame.data})


def _is_approved(visitor: Visitor) -> bool:
    rows = Contact.objects.filter(channel__kind=KIND, external_id=visitor.external_id)
    return rows.filter(state=Contact.State.APPROVED).exists()


def _store(visitor: Visitor, said: dict[str, Any]) -> None:
    channel = get_channel()
    if not channel.enabled:
        raise NotConfigured(_("The web chat is switched off."))
    known = {"visitor": visitor.external_id, "name": visitor.name, "language": visitor.language, "date": time.time()}
    adapter = get_adapter(channel.kind)(account_of(channel))
    row = to_stored(adapter, said | known, channel_id=channel.pk, username="")
    if row is None or row.state == Inbox.State.UNPARSED:
        raise BadInput(_("The message cannot be read."))
    store_updates(channel.pk, [row])
    MESSAGES.labels(channel.kind, "in").inc()
