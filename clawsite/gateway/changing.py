"""Making, setting, resetting and removing sessions. Each change is audited; only who may see a session changes it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from bots.commands.choices import find_setting
from bots.commands.reset import begin_anew
from clawsite.core import audit
from clawsite.core.errors import BadInput
from clawsite.core.nudge import nudge_on_commit
from clawsite.gateway.access import access_session, admit, check_own, find_session, get_channel, no_session
from clawsite.gateway.keys import MAIN_KEY, OwnKey, key_for, own_chat, parse_key
from clawsite.gateway.principal import Principal
from clawsite.gateway.stop import stop_runs
from sessions_app.models import Session
from sessions_app.purge import purge_session
from sessions_app.sessions import get_or_create_session

TITLE_CHARS = 200
GROUP_TRIGGERS = {"always": Session.Trigger.ALWAYS, "mention": Session.Trigger.MENTION, None: Session.Trigger.AUTO}


def new_key(idempotency_key: str | None) -> str:
    """Return a name for a session that was given none: the same one for the same idempotency key."""
    if idempotency_key is None:
        return f"chat-{secrets.token_hex(6)}"
    return f"chat-{hashlib.sha256(idempotency_key.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"


def create_session(principal: Principal, key: str, *, title: str, model: str | None) -> Session:
    """Return a session of the caller's own, made when it is new."""
    with transaction.atomic():
        session = _own_session(principal, key)
        change_session(principal, session, {"title": title} if title else {}, model=model)
    return session


def _own_session(principal: Principal, key: str) -> Session:
    channel = get_channel()
    place = check_own(principal, key)
    admit(principal, channel)
    chat_id = own_chat(principal.owner, place)
    known = Session.objects.filter(channel=channel, chat_id=chat_id).exists()
    session = get_or_create_session(channel.pk, chat_id=chat_id, direct=True)
    session.channel = channel
    if not known:
        audit.record(
            "session.create", actor=principal.subject, subject=session.ref, key=key_for(principal.owner, session)
        )
        nudge_on_commit("session", session=session.pk)
    return session


def get_or_create(principal: Principal, key: str) -> Session:
    """Return the session behind a key; one of the caller's own is made when it is missing."""
    if isinstance(parse_key(key), OwnKey):
        return _own_session(principal, key)
    return access_session(principal, key)


def change_session(
    principal: Principal, session: Session, fields: Mapping[str, Any], *, model: str | None = None
) -> Session:
    """Set columns of a session; a model is checked against those that are configured."""
    changed = dict(fields)
    if model is not None:
        setting = find_setting("model")
        changed["model"] = setting.read(model) if setting is not None and model else ""
    if not changed:
        return session
    with transaction.atomic():
        Session.objects.filter(pk=session.pk).update(**changed)
        audit.record("session.settings", actor=principal.subject, subject=session.ref, origin="gateway", **changed)
        nudge_on_commit("session", session=session.pk)
    for name, value in changed.items():
        setattr(session, name, value)
    return session


def read_title(text: str | None) -> str:
    """Return a label as it is stored; BadInput when it is too long."""
    title = (text or "").strip()
    if len(title) > TITLE_CHARS:
        raise BadInput(f"a label may have {TITLE_CHARS} characters")
    return title


def reset_session(principal: Principal, key: str) -> Session:
    """Begin a new conversation under the same key: what was said before stays, unread."""
    with transaction.atomic():
        session = get_or_create(principal, key)
        stop_runs(session, actor=principal.owner)
        begin_anew(session, actor=principal.subject)
        nudge_on_commit("session", session=session.pk)
    return session


def stop_before_removal(principal: Principal, key: str) -> Session | None:
    """Stop what runs in a session that is to be removed; None when there is none. BadInput for the main one."""
    session = find_session(principal, key)
    if session is None:
        if isinstance(parse_key(key), OwnKey):
            return None
        raise no_session(key)
    if key_for(principal.owner, session) == MAIN_KEY:
        raise BadInput("the main session cannot be deleted; sessions.reset begins it anew")
    stop_runs(session, actor=principal.owner)
    return session


def remove_session(principal: Principal, session: Session) -> int:
    """Remove a session with everything; return how many messages there were. BadInput while it is being answered."""
    return purge_session(session, actor=principal.actor, origin="gateway", own=True)
