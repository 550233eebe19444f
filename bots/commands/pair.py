"""/pair: one's own role, and for admins who waits to be let in. A chat message never lets anybody in.

Codes are decided in the admin pages or on the server: whatever a message says, or a person is talked into sending,
opens no door.
"""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bots.commands.base import Answer, Command, CommandContext, say
from guardrails.types import Role
from sessions_app.models import Pairing

MOST_SHOWN = 10


def run(context: CommandContext) -> Answer:
    """Tell people their role; show admins the people who wait, in a direct chat."""
    if not context.actor.is_at_least(Role.ADMIN):
        return say(_("You are in already. Your role is {role}.").format(role=context.actor.role.value))
    if context.is_group:
        return say(_("Please do this in our direct chat: codes are not for a group."))
    return _list_waiting()


def _list_waiting() -> Answer:
    """List who waits, with their codes, and say where to decide."""
    waiting = Pairing.objects.filter(decided_at=None, expires_at__gt=timezone.now()).select_related("contact__channel")
    total = waiting.count()
    if not total:
        return say(_("Nobody waits to be let in."))
    head = ngettext("{count} person waits to be let in:", "{count} people wait to be let in:", total)
    lines = [f"{each.shown}  {each.contact} ({each.contact.channel.name})" for each in waiting[:MOST_SHOWN]]
    how = _("Decide in the admin pages, or on the server: manage.py pair approve CODE")
    return say("\n".join([head.format(count=total), *lines, "", how]))


COMMAND = Command(
    name="pair",
    description=gettext_lazy("Your role; for admins, who waits to be let in"),
    run=run,
    control=True,
)
