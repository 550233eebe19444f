"""Who may talk to the bot: contacts, pairing codes, groups. Only a person with the right decides; text never does."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from clawsite.core import audit
from clawsite.core.errors import BadInput, NotAllowed
from clawsite.core.nudge import nudge_on_commit
from guardrails.types import Actor, Role
from sessions_app.models import Channel, Contact, GroupAccess, Pairing
from sessions_app.welcome import welcome

# Capital letters and digits that no phone or eye confuses; 31^8 codes.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
CODE_LENGTH = 8
CODE_MINUTES = 60
REPLIES_TO_STRANGERS = 2
SEEN_EVERY = timedelta(minutes=5)


def find_contact(channel_id: int, external_id: str) -> Contact | None:
    """Return a contact by the platform's id, or None."""
    return Contact.objects.filter(channel_id=channel_id, external_id=external_id[:64]).first()


def get_or_create_contact(
    channel: Channel, external_id: str, *, name: str = "", username: str = "", language: str = ""
) -> Contact:
    """Return the contact, making it (pending, or a viewer where the channel is open) when it is new."""
    state = Contact.State.APPROVED if channel.access == Channel.Access.OPEN else Contact.State.PENDING
    contact, _ = Contact.objects.get_or_create(
        channel=channel,
        external_id=external_id[:64],
        defaults={
            "name": name[:200],
            "username": username[:64],
            "language": language[:8],
            "state": state,
        },
    )
    return contact


def enter_open(contact: Contact) -> None:
    """Let in, as a viewer, a person who was to wait for an admin before their channel was opened to anybody."""
    with transaction.atomic():
        contact.pairings.filter(decided_at=None).delete()
        _set_state(contact, Contact.State.APPROVED, role=Contact.RoleChoice.VIEWER)
        audit.record("contact.approve", actor="system", subject=contact.subject, role="viewer", by="channel")
        nudge_on_commit("contact", contact=contact.pk)
    contact.refresh_from_db()


def touch_contact(contact: Contact, *, name: str, username: str) -> None:
    """Keep name and last sight current; writes at most every five minutes unless the name changed."""
    now = timezone.now()
    fresh = now - contact.seen_at < SEEN_EVERY
    if fresh and contact.name == name[:200] and contact.username == username[:64]:
        return
    Contact.objects.filter(pk=contact.pk).update(name=name[:200], username=username[:64], seen_at=now)


def issue_pairing(contact: Contact) -> Pairing:
    """Return the contact's open pairing code, making one that lasts an hour when there is none."""
    now = timezone.now()
    pairing = contact.pairings.filter(decided_at=None, expires_at__gt=now).first()
    if pairing is not None:
        return pairing
    contact.pairings.filter(decided_at=None).delete()
    code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
    return Pairing.objects.create(
        contact=contact, code=code, expires_at=now + timedelta(minutes=CODE_MINUTES), created_at=now
    )


def count_refusal(contact: Contact) -> bool:
    """Count an answer to a person who is not approved; False when they already got two for their code.

    Who comes back after the code has expired gets a new one, so nobody is locked out and floods stay small. An answer
    is when they were seen: what more they write changes no row.
    """
    open_codes = contact.pairings.filter(decided_at=None, expires_at__gt=timezone.now())
    if contact.refusals >= REPLIES_TO_STRANGERS and not open_codes.exists():
        Contact.objects.filter(pk=contact.pk).update(refusals=0)
    rows = Contact.objects.filter(pk=contact.pk, refusals__lt=REPLIES_TO_STRANGERS)
    return bool(rows.update(refusals=F("refusals") + 1, seen_at=timezone.now()))


def require_admin(actor: Actor) -> None:
    """Raise NotAllowed unless the actor is an admin."""
    if not actor.is_at_least(Role.ADMIN):
        raise NotAllowed("Only an admin may do this.")


def approve_pairing(code: str, *, actor: Actor, role: str = Contact.RoleChoice.VIEWER, origin: str = "") -> Contact:
    """Let the person behind a code in; BadInput when the code is unknown, used or too old."""
    require_admin(actor)
    _check_role(role)
    with transaction.atomic():
        contact = _decide_pairing(code, actor=actor)
        _let_in(contact, role=role)
        audit.record("contact.approve", actor=actor.subject, subject=contact.subject, origin=origin, role=role)
        nudge_on_commit("contact", contact=contact.pk)
    contact.refresh_from_db()
    return contact


def deny_pairing(code: str, *, actor: Actor, origin: str = "") -> Contact:
    """Block the person behind a code; BadInput when the code is unknown, used or too old."""
    require_admin(actor)
    with transaction.atomic():
        contact = _decide_pairing(code, actor=actor)
        _set_state(contact, Contact.State.BLOCKED)
        audit.record("contact.deny", actor=actor.subject, subject=contact.subject, origin=origin)
        nudge_on_commit("contact", contact=contact.pk)
    contact.refresh_from_db()
    return contact


def _check_role(role: str) -> None:
    if role not in Contact.RoleChoice.values:
        raise BadInput(f"There is no role {role!r}. Roles: {', '.join(Contact.RoleChoice.values)}.")


def approve_contact(contact: Contact, *, actor: Actor, role: str = Contact.RoleChoice.VIEWER, origin: str = "") -> None:
    """Let a person in, or give an approved one another role; open pairing codes of theirs are used up."""
    require_admin(actor)
    _check_role(role)
    with transaction.atomic():
        _close_pairings(contact, actor=actor)
        _let_in(contact, role=role)
        audit.record("contact.approve", actor=actor.subject, subject=contact.subject, origin=origin, role=role)
        nudge_on_commit("contact", contact=contact.pk)
    contact.refresh_from_db()


def block_contact(contact: Contact, *, actor: Actor, origin: str = "") -> None:
    """Shut a person out; open pairing codes of theirs are used up."""
    require_admin(actor)
    with transaction.atomic():
        _close_pairings(contact, actor=actor)
        _set_state(contact, Contact.State.BLOCKED)
        audit.record("contact.block", actor=actor.subject, subject=contact.subject, origin=origin)
        nudge_on_commit("contact", contact=contact.pk)
    contact.refresh_from_db()


def link_contact(contact: Contact, *, user_id: int | None, actor: Actor, origin: str = "") -> None:
    """Say which account a contact belongs to (None: to none). Contacts of one account are the same person."""
    require_admin(actor)
    with transaction.atomic():
        Contact.objects.filter(pk=contact.pk).update(user_id=user_id)
        audit.record("contact.link", actor=actor.subject, subject=contact.subject, origin=origin, user=user_id)
        nudge_on_commit("contact", contact=contact.pk)


def _close_pairings(contact: Contact, *, actor: Actor) -> None:
    contact.pairings.filter(decided_at=None).update(decided_at=timezone.now(), decided_by=actor.subject)


def _decide_pairing(code: str, *, actor: Actor) -> Contact:
    """Close an open pairing by a conditional update, so that a code decides once."""
    now = timezone.now()
    wanted = code.strip().upper().replace("-", "").replace(" ", "")
    rows = Pairing.objects.filter(code=wanted, decided_at=None, expires_at__gt=now)
    if not rows.update(decided_at=now, decided_by=actor.subject):
        raise BadInput("This code is unknown, used or too old. Ask the person to send a message for a new one.")
    return Pairing.objects.select_related("contact").get(code=wanted).contact


def _let_in(contact: Contact, *, role: str) -> None:
    """Approve a person and tell them; one who was in already only gets the role."""
    rows = Contact.objects.filter(pk=contact.pk)
    waited = rows.exclude(state=Contact.State.APPROVED).update(state=Contact.State.APPROVED)  # of two who do it, one
    _set_state(contact, Contact.State.APPROVED, role=role)
    if waited:
        welcome(contact, role=role)


def _set_state(contact: Contact, state: str, *, role: str | None = None) -> None:
    change = {"state": state, "refusals": 0} | ({"role": role} if role else {})
    Contact.objects.filter(pk=contact.pk).update(**change)


def find_group(channel_id: int, chat_id: str) -> GroupAccess | None:
    """Return the access row of a group, or None when the bot was never seen there."""
    return GroupAccess.objects.filter(channel_id=channel_id, chat_id=chat_id).first()


def note_group(channel_id: int, chat_id: str, *, title: str) -> GroupAccess:
    """Remember a group the bot was spoken to in, so that an admin can allow it; it stays off until then."""
    group, _ = GroupAccess.objects.get_or_create(
        channel_id=channel_id, chat_id=chat_id, defaults={"title": title[:200]}
    )
    return group


def allow_group(group: GroupAccess, *, actor: Actor, allowed: bool, origin: str = "") -> None:
    """Let the bot speak in a group, or forbid it."""
    require_admin(actor)
    with transaction.atomic():
        GroupAccess.objects.filter(pk=group.pk).update(allowed=allowed)
        verb = "allow" if allowed else "forbid"
        audit.record(f"group.{verb}", actor=actor.subject, subject=f"group:{group.pk}", origin=origin)
    group.refresh_from_db()


def may_talk_in(group: GroupAccess | None, contact: Contact) -> bool:
    """Tell whether a contact may talk in a group: the group is allowed, and its list has them or is empty."""
    if group is None or not group.allowed:
        return False
    members = set(group.members.values_list("pk", flat=True))
    return not members or contact.pk in members
