"""Finding the person that somebody names in a chat."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q
from django.utils.translation import gettext as _

from clawsite.core.errors import BadInput
from guardrails.types import Actor, Role
from sessions_app.models import Contact

SHOWN_CHARS = 40


def find_operator(name: str, *, channel_id: int) -> Actor:
    """Return the one operator of this name or @username; BadInput when there is none, or more than one.

    Somebody of this channel goes before namesakes elsewhere; contacts of one user are one person.
    """
    people = _find(name, channel_id=channel_id, roles=(Role.OPERATOR, Role.ADMIN))
    if not people:
        raise BadInput(_("I know no operator called “{name}”.").format(name=_short(name)))
    if len(people) > 1:
        raise BadInput(_("Several operators are called “{name}”. Use the username.").format(name=_short(name)))
    return people[0].actor


def find_person(name: str, *, channel_id: int) -> Actor:
    """Return the one person of this name or @username who is let in, found as operators are."""
    people = _find(name, channel_id=channel_id, roles=(Role.VIEWER, Role.OPERATOR, Role.ADMIN))
    if not people:
        raise BadInput(_("I know nobody called “{name}”.").format(name=_short(name)))
    if len(people) > 1:
        raise BadInput(_("Several people are called “{name}”. Use the username.").format(name=_short(name)))
    return people[0].actor


def _find(name: str, *, channel_id: int, roles: Iterable[Role]) -> list[Contact]:
    """Return a contact for each person of a name, of those who are here if any is."""
    wanted = name.strip().lstrip("@")
    rows = Contact.objects.filter(state=Contact.State.APPROVED, role__in=[role.value for role in roles])
    named = list(rows.filter(Q(name__iexact=wanted) | Q(username__iexact=wanted)).order_by("pk")) if wanted else []
    here = [contact for contact in named if contact.channel_id == channel_id]
    return list({contact.person: contact for contact in here or named}.values())


def _short(name: str) -> str:
    return name.strip().lstrip("@")[:SHOWN_CHARS]
