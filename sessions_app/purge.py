"""Removing a conversation for good: its messages, facts, turns, raw updates, verdicts and files.

Everything else that is a record stays. A conversation that is being answered is left alone until that is over.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from clawsite.core import audit
from clawsite.core.errors import BadInput
from clawsite.core.nudge import nudge_on_commit
from clawsite.core.queue import enqueue
from guardrails import records
from guardrails.types import Actor
from sessions_app.contacts import find_contact, require_admin
from sessions_app.models import Fact, Inbox, Session, Turn
from sessions_app.search import unindex_facts
from sessions_app.turns import open_turns

logger = logging.getLogger(__name__)

REMOVE = "sessions_app.purge.remove_files"
# Updates that no turn came of are kept for a week, but for those that were given up.
LOOSE = timedelta(days=14)


def purge_session(session: Session, *, actor: Actor, origin: str = "", own: bool = False) -> int:
    """Remove a session and all it holds; return how many messages there were. BadInput while it is being answered.

    own: the caller has checked that it is the actor's own, which needs no admin.
    """
    if not own:
        require_admin(actor)
    with transaction.atomic():
        Session.objects.select_for_update().filter(pk=session.pk).first()
        if open_turns().filter(session=session, state=Turn.State.RUNNING).exists():
            raise BadInput(_("The bot is answering in this conversation right now. Stop it or try again in a moment."))
        messages = session.messages.count()
        _forget_records(session)
        unindex_facts(Fact.objects.filter(session=session).values_list("pk", flat=True))
        for updates in _updates(session):
            updates.delete()
        audit.record(
            "session.purge", actor=actor.subject, subject=f"session:{session.pk}", origin=origin, messages=messages
        )
        nudge_on_commit("session", session=session.pk, gone=_place_of(session))
        transaction.on_commit(partial(remove_files, session.pk), robust=True)
        enqueue(REMOVE, session.pk)  # the files go too when this process dies before it has removed them
        session.delete()
    return messages


def _place_of(session: Session) -> dict[str, str | int]:
    """Return where a session was, for those who are to be told that it is no more: nobody can look any more."""
    return {
        "channel": session.channel_id,
        "channel_kind": session.channel.kind,
        "kind": session.kind,
        "chat": session.chat_id,
        "thread": session.thread_id,
    }


def _forget_records(session: Session) -> None:
    """Remove what the guards kept about this place, and about the person when it is a chat with one."""
    records.purge_session(session.ref)
    person = find_contact(session.channel_id, session.chat_id) if session.kind == Session.Kind.DIRECT else None
    if person is not None:
        records.purge(person.subject)


def _updates(session: Session) -> Iterator[QuerySet[Inbox]]:
    """Yield the raw updates of the place; what still waits stays and will be answered in a new conversation.

    By their turn those are found, too, that came before a group got its new id. By their lane alone the database would
    look through all updates of the channel.
    """
    lane = f"{session.channel_id}/{session.chat_id}/{session.thread_id}"
    place = Q(lane=lane) | Q(lane__startswith=f"{lane}#")
    yield Inbox.objects.filter(turn__session=session).exclude(state=Inbox.State.NEW)
    yield Inbox.objects.filter(place, received_at__gt=timezone.now() - LOOSE).exclude(state=Inbox.State.NEW)
    yield Inbox.objects.filter(place, state=Inbox.State.DEAD)


def remove_files(session_id: int) -> None:
    """Remove the folder of a removed session's files, which is named by its number alone. A task of the queue, too."""
    folder = settings.MEDIA_ROOT / str(session_id)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        logger.error("the files of session %d could not be removed", session_id)
