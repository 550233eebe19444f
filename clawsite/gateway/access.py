"""Whose session is whose. Nobody sees a session that is not their own, unless their token is an admin's.

Invariant: what does not exist and what is not yours get one answer.
"""

from __future__ import annotations

from typing import Protocol

from django.db import transaction
from django.db.models import QuerySet

from clawsite.core import audit
from clawsite.core.errors import NotAllowed
from clawsite.core.nudge import nudge_on_commit
from clawsite.core.sql import begins_with
from clawsite.gateway.errors import GatewayError
from clawsite.gateway.keys import OwnKey, PlaceKey, own_chat, parse_key
from clawsite.gateway.principal import Principal, Scope
from clawsite.rpc import codes
from guardrails.types import Role
from sessions_app.channels import GATEWAY, channels_of
from sessions_app.models import Channel, Contact, Session


class Viewer(Protocol):
    """Who looks, as far as it decides what they may see."""

    @property
    def owner(self) -> str:
        """Whose sessions are their own."""

    @property
    def sees_all(self) -> bool:
        """Whether other people's are shown too."""


def no_session(key: str) -> NotAllowed:
    """Return the one answer for a session that does not exist and for one that is not the caller's."""
    return NotAllowed(f"There is no session {key[:80]!r}, or it is not yours.")


def visible_sessions(viewer: Viewer) -> QuerySet[Session]:
    """Return the sessions that somebody may see, with their channels."""
    rows = Session.objects.select_related("channel")
    if viewer.sees_all:
        return rows
    return rows.filter(begins_with("chat_id", f"{viewer.owner}/"), channel__in=channels_of(GATEWAY))


def find_session(principal: Principal, key: str) -> Session | None:
    """Return the session behind a key if there is one that the principal may see; BadInput for no key at all."""
    place = parse_key(key)
    rows = Session.objects.select_related("channel")
    if isinstance(place, OwnKey):
        chat_id = own_chat(principal.owner, place)
        return rows.filter(channel__in=channels_of(GATEWAY), chat_id=chat_id, thread_id="").first()
    if not principal.sees_all:
        return None
    return rows.filter(
        channel_id=place.channel_id, channel__kind=place.kind, chat_id=place.chat_id, thread_id=place.thread_id
    ).first()


def access_session(principal: Principal, key: str) -> Session:
    """Return the session behind a key; NotAllowed when there is none for this principal."""
    session = find_session(principal, key)
    if session is None:
        raise no_session(key)
    return session


def check_own(principal: Principal, key: str) -> OwnKey:
    """Return a key of the caller's own; NotAllowed for somebody's chat, into which nobody else can speak as them."""
    place = parse_key(key)
    if isinstance(place, PlaceKey):
        raise (
            no_session(key)
            if not principal.sees_all
            else NotAllowed("Only who sits in this chat can write in it. Use send to write to it as the bot.")
        )
    return place


def get_channel() -> Channel:
    """Return the gateway's channel; GatewayError when it is switched off or not made yet."""
    channel = Channel.objects.filter(kind=GATEWAY).order_by("pk").first()
    if channel is None or not channel.enabled:
        text = "Conversations over the gateway are switched off: an admin can enable the channel “gateway”."
        raise GatewayError(codes.UNAVAILABLE, text, details={"code": "CHANNEL_DISABLED"}, retryable=False)
    return channel


def admit(principal: Principal, channel: Channel) -> Contact:
    """Return the contact that a principal speaks as, made or raised to what its token grants. In a transaction.

    Each message carries the rights of the connection it came over, so a lesser token of the same owner gains nothing.
    NotAllowed for one that an admin has blocked.
    """
    role = _granted_role(principal)
    contact, made = Contact.objects.get_or_create(
        channel=channel,
        external_id=principal.owner[:64],
        defaults={
            "name": principal.name[:200],
            "state": Contact.State.APPROVED,
            "role": role.value,
            "user_id": principal.user_id,
        },
    )
    if contact.state != Contact.State.APPROVED:
        raise NotAllowed("An admin has shut you out of this chat.")
    if made:
        _note(contact, "contact.approve", principal, role)
    elif not contact.actor.is_at_least(role):
        Contact.objects.filter(pk=contact.pk).update(role=role.value)
        _note(contact, "contact.raise", principal, role)
    return contact


def _granted_role(principal: Principal) -> Role:
    for scope, role in ((Scope.ADMIN, Role.ADMIN), (Scope.WRITE, Role.OPERATOR)):
        if scope in principal.granted:
            return role
    return Role.VIEWER


def _note(contact: Contact, action: str, principal: Principal, role: Role) -> None:
    with transaction.atomic():
        audit.record(action, actor=principal.subject, subject=contact.subject, role=role.value, by="token")
        nudge_on_commit("contact", contact=contact.pk)
