"""Finding the person that somebody names in a chat."""

from __future__ import annotations

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
    wanted = name.strip().lstrip("@")
    roles = [role.value for role in (Role.OPERATOR, Role.ADMIN)]
    rows = Contact.objects.filter(state=Contact.State.APPROVED, role__in=roles)
    named = list(rows.filter(Q(name__iexact=wanted) | Q(username__iexact=wanted)).order_by("pk")) if wanted else []
    here = [contact for contact in named if contact.channel_id == channel_id]
    people = {contact.person: contact for contact in here or named}
    if not people:
        raise BadInput(_("I know no operator called “{name}”.").format(name=wanted[:SHOWN_CHARS]))
    if len(people) > 1:
        raise BadInput(_("Several operators are called “{name}”. Use the username.").format(name=wanted[:SHOWN_CHARS]))
    return next(iter(people.values())).actor
