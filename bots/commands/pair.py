"""/pair: a stranger's code, and for admins the people who wait. Codes are handled in direct chats only."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bots import texts
from bots.channels.base import OutboundMessage
from bots.commands.base import Answer, Command, CommandContext, say
from guardrails.types import Role
from sessions_app.contacts import approve_pairing, deny_pairing, issue_pairing
from sessions_app.models import Channel, Contact, Pairing

MOST_SHOWN = 10


def run(context: CommandContext) -> Answer:
    """Show strangers their code and viewers their role; let admins list, approve and deny."""
    if not context.actor.is_at_least(Role.VIEWER):
        return show_code(context)
    if not context.actor.is_at_least(Role.ADMIN):
        return say(_("You are in already. Your role is {role}.").format(role=context.actor.role.value))
    if context.is_group:
        return say(_("Please do this in our direct chat: codes are not for a group."))
    word, _space, rest = context.args.partition(" ")
    actions = {"approve": _approve, "deny": _deny}
    return actions.get(word.lower(), _list_waiting)(context, rest.strip())


def show_code(context: CommandContext) -> Answer:
    """Return a stranger's code again; silence for who is blocked, in groups, and where nobody is let in by code."""
    pending = context.contact.state == Contact.State.PENDING
    if not pending or context.is_group or context.channel.access != Channel.Access.PAIRING:
        return ()
    return (OutboundMessage(text=texts.pairing(issue_pairing(context.contact).code)),)


def _approve(context: CommandContext, rest: str) -> Answer:
    code, _space, role = rest.partition(" ")
    contact = approve_pairing(code, actor=context.actor, role=role.strip().lower() or Contact.RoleChoice.VIEWER)
    return say(_("{name} is in, as {role}.").format(name=contact, role=contact.role))


def _deny(context: CommandContext, rest: str) -> Answer:
    contact = deny_pairing(rest, actor=context.actor)
    return say(_("{name} is blocked.").format(name=contact))


def _list_waiting(context: CommandContext, rest: str) -> Answer:
    """List who waits, with their codes, and say how to decide."""
    now = timezone.now()
    waiting = Pairing.objects.filter(decided_at=None, expires_at__gt=now).select_related("contact__channel")
    how = _("/pair approve CODE [viewer, operator or admin]\n/pair deny CODE")
    total = waiting.count()
    if not total:
        return say(_("Nobody waits to be let in. When somebody does:") + "\n" + how)
    head = ngettext("{count} person waits to be let in:", "{count} people wait to be let in:", total)
    lines = [
        f"{each.code[:4]}-{each.code[4:]}  {each.contact} ({each.contact.channel.name})"
        for each in waiting[:MOST_SHOWN]
    ]
    return say("\n".join([head.format(count=total), *lines, "", how]))


COMMAND = Command(
    name="pair",
    description=gettext_lazy("Let people in, or see your own code"),
    run=run,
    role=Role.STRANGER,
    control=True,
)
