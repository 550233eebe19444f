"""Who sits in front of the chat page, by the server's own session and nothing that the page says.

A staff user is the contact `user:<pk>`, approved by the account's rights. Every other browser is a stranger named by a
random id in its session, until an admin approves it like any stranger of any channel.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import cast

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction
from django.http import HttpRequest
from django.utils import translation
from django.utils.translation import get_language_from_request

from clawsite.core import audit
from clawsite.core.models import User
from clawsite.core.nudge import nudge_on_commit
from guardrails.types import Actor, Role
from sessions_app.contacts import find_contact
from sessions_app.models import Channel, Contact

KIND = "webchat"
SESSION_KEY = "chat_visitor"
_VISITOR_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Visitor:
    """A person at the page. `external_id` names the contact and the chat; `user_id` is set for staff."""

    external_id: str
    name: str
    language: str
    user_id: int | None = None


def get_channel() -> Channel:
    """Return the channel of the web chat, making it when there is none."""
    channel = Channel.objects.filter(kind=KIND).order_by("pk").first()
    if channel is not None:
        return channel
    with transaction.atomic():
        channel, made = Channel.objects.get_or_create(name=KIND, defaults={"kind": KIND})
        if made:
            nudge_on_commit("channel")
    return channel


def has_identity(request: HttpRequest) -> bool:
    """Tell whether the browser is known already, so that seeing it makes no new session."""
    return _is_staff(request.user) or _visitor_id(request) is not None


def get_visitor(request: HttpRequest) -> Visitor:
    """Return who opens the page; a new browser gets its id here."""
    visitor = find_visitor(request)
    if visitor is None:
        number = request.session[SESSION_KEY] = secrets.token_hex(16)
        visitor = _stranger(number)
    return visitor


def find_visitor(request: HttpRequest) -> Visitor | None:
    """Return who a request comes from, None for a browser that never opened the page."""
    user = request.user
    if _is_staff(user):
        known = cast(User, user)
        name = (known.get_full_name() or known.get_username())[:200]
        return Visitor(external_id=f"user:{known.pk}", name=name, language=_language(), user_id=known.pk)
    number = _visitor_id(request)
    return None if number is None else _stranger(number)


def _stranger(number: str) -> Visitor:
    return Visitor(external_id=f"visitor:{number}", name=f"Visitor {number[:6]}", language=_language())


def _language() -> str:
    return translation.get_language() or settings.LANGUAGE_CODE


def load_visitor(session_key: str, *, language_cookie: str, accept_language: str) -> Visitor | None:
    """Return who a session cookie stands for, as a request with this cookie would; None when it stands for nobody."""
    request = HttpRequest()
    request.session = SessionStore(session_key)
    request.user = get_user(request)
    request.META["HTTP_ACCEPT_LANGUAGE"] = accept_language[:500]
    if language_cookie:
        request.COOKIES[settings.LANGUAGE_COOKIE_NAME] = language_cookie
    with translation.override(get_language_from_request(request)):
        return find_visitor(request)


def _is_staff(user: User | AnonymousUser) -> bool:
    return bool(user.is_authenticated and user.is_active and user.is_staff)


def _visitor_id(request: HttpRequest) -> str | None:
    value = request.session.get(SESSION_KEY)
    return value if isinstance(value, str) and _VISITOR_ID.fullmatch(value) else None


def admit_staff(visitor: Visitor) -> None:
    """Make a staff user's contact, approved, or lower its role to what the account may still do. Audited."""
    if visitor.user_id is None:
        return
    user = User.objects.get(pk=visitor.user_id)
    role = Role.ADMIN if user.is_superuser else Role.OPERATOR
    channel = get_channel()
    contact = find_contact(channel.pk, visitor.external_id)
    if contact is None:
        _make_contact(channel, visitor, role)
    elif contact.role != role and Actor(subject="", role=Role(contact.role)).is_at_least(role):
        with transaction.atomic():
            Contact.objects.filter(pk=contact.pk).update(role=role.value)
            audit.record("contact.lower", actor="system", subject=contact.subject, role=role.value)
            nudge_on_commit("contact", contact=contact.pk)


def _make_contact(channel: Channel, visitor: Visitor, role: Role) -> None:
    with transaction.atomic():
        contact, made = Contact.objects.get_or_create(
            channel=channel,
            external_id=visitor.external_id,
            defaults={
                "name": visitor.name,
                "state": Contact.State.APPROVED,
                "role": role.value,
                "user_id": visitor.user_id,
            },
        )
        if made:
            actor = f"user:{visitor.user_id}"
            audit.record("contact.approve", actor=actor, subject=contact.subject, role=role.value, by="account")
