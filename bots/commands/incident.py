"""/incident: open one, note what happens, take it, resolve it. /incidents: which there are.

Looking needs a viewer, changing an operator. An incident's card is its answer: it changes in place in every chat that
has it, so a pressed button needs no words of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots.cards import incident as card
from bots.cards.times import clock
from bots.channels.base import Button
from bots.commands import incident_words as words
from bots.commands.base import Answer, Command, CommandContext, command_button, say, turn_page
from bots.commands.incident_words import Order, read_order, read_severity
from bots.commands.people import find_operator
from bots.commands.phrases import add_phrases
from bots.commands.spelling import as_typed, plain
from bots.incidents.postmortem import write_postmortem
from clawsite.core.errors import BadInput, NotAllowed
from guardrails.types import Role
from runbooks import incidents
from runbooks.alerts.incidents import attach_group, open_from_group
from runbooks.incidents.snapshot import state_of
from runbooks.models import Incident
from sessions_app.sessions import zone_of

SHOWN = 10
PER_ROW = 3
_ME = {plain(word) for word in ["me", "eu", "mim", "я", "мне", "себе"]}


def run(context: CommandContext) -> Answer:
    """Do what the words say; without words, list what there is."""
    order = read_order(as_typed(context.args, context.message.text if context.message else ""))
    if order.verb == words.LIST:
        return _list(context)
    if order.verb == words.SHOW:
        return _show(context, order)
    if order.verb == words.POSTMORTEM:
        return write_postmortem(_access(order.number), context.session, zone=zone_of(context.session))
    if not context.actor.is_at_least(Role.OPERATOR):
        raise NotAllowed(_("Only operators may change incidents."))
    return _DO[order.verb](context, order)


def _access(number: int) -> Incident:
    found = incidents.find_incident(number)
    if found is None:
        raise BadInput(_("There is no incident {number}. /incidents lists them.").format(number=f"INC-{number}"))
    return found


# --- looking -------------------------------------------------------------------------------------------------------
def _list(context: CommandContext) -> Answer:
    """List the open ones, and the last that are over; a button for each."""
    found = incidents.list_incidents(limit=SHOWN)
    if not found:
        return turn_page(context, say(_("There are no incidents. To open one: /incident what is wrong")))
    count = Incident.objects.open().count()
    lines = [_line(incident, zone_of(context.session)) for incident in found]
    buttons = [command_button(incident.number, "incident", f"show {incident.pk}") for incident in found]
    rows: list[list[Button | None]] = [buttons[start : start + PER_ROW] for start in range(0, len(buttons), PER_ROW)]
    return turn_page(context, say("\n".join([_("Open incidents: {count}").format(count=count), "", *lines]), *rows))


def _line(incident: Incident, zone: ZoneInfo) -> str:
    told = state_of(incident)
    since = clock(told["opened_at"], zone)
    return f"{card.headline(told)} — {told['assignee'] or _('nobody yet')}, {since}"


def _show(context: CommandContext, order: Order) -> Answer:
    incidents.show_card(_access(order.number), context.session.pk)
    return ()


# --- changing ------------------------------------------------------------------------------------------------------
def _open(context: CommandContext, order: Order) -> Answer:
    severity = order.severity or Incident.Severity.P3
    system = incidents.find_system_in(order.text)
    incident = incidents.open_incident(order.text, actor=context.actor, severity=severity, system=system)
    incidents.show_card(incident, context.session.pk)
    return ()


def _open_from_alert(context: CommandContext, order: Order) -> Answer:
    """Open one about a group of alerts, or show the one that is open about it."""
    incident = open_from_group(order.number, actor=context.actor)
    if incident is None:
        raise BadInput(_("There is no such alert."))
    incidents.show_card(incident, context.session.pk)
    return ()


def _attach(context: CommandContext, order: Order) -> Answer:
    """Tie a group of alerts to an incident that is open."""
    incident = _access(order.number)
    done = attach_group(int(order.text), incident.pk, actor=context.actor)
    if done.why:
        words = {
            "no alert": _("There is no such alert."),
            "over": _("{number} is resolved already.").format(number=incident.number),
            "taken": _("The alert belongs to {number} already.").format(number=done.number),
        }
        raise BadInput(words[done.why])
    return say(_("The alert is part of {number} now.").format(number=incident.number))


def _note(context: CommandContext, order: Order) -> Answer:
    if not order.text:
        _access(order.number)
        return say(_("Write what you saw: /incident note {number} TEXT").format(number=order.number))
    event = incidents.note(order.number, "note", order.text, context.actor)
    incident = _access(order.number)
    return _done(context, _("Noted in {number}.").format(number=incident.number)) if event else ()


def _assign(context: CommandContext, order: Order) -> Answer:
    _access(order.number)
    mine = not order.text or plain(order.text) in _ME
    to = context.actor if mine else find_operator(order.text, channel_id=context.channel.pk)
    incident = incidents.assign(order.number, to=to, actor=context.actor)
    name = incident.assignee_name if incident else ""
    return _done(context, _("{name} is on {number}.").format(name=name, number=f"INC-{order.number}"))


def _change_severity(context: CommandContext, order: Order) -> Answer:
    incident = _access(order.number)
    severity = read_severity(order.text)
    if not severity:
        raise BadInput(_("Say how bad it is: /incident severity {number} P1 (to P4)").format(number=incident.pk))
    incidents.change_severity(incident.pk, severity, actor=context.actor)
    return _done(context, f"{incident.number}: {severity}")


def _resolve(context: CommandContext, order: Order) -> Answer:
    incident, now = incidents.resolve(order.number, actor=context.actor, text=order.text)
    if incident is None or not now:
        return say(_("{number} is resolved already.").format(number=_access(order.number).number))
    return _done(context, _("{number} is resolved.").format(number=incident.number))


def _reopen(context: CommandContext, order: Order) -> Answer:
    incident, now = incidents.reopen(order.number, actor=context.actor, text=order.text)
    if incident is None or not now:
        return say(_("{number} is open already.").format(number=_access(order.number).number))
    return _done(context, _("{number} is open again.").format(number=incident.number))


def _hint(context: CommandContext, order: Order) -> Answer:
    return say(_("Say which one: /incident {verb} 12. /incidents lists them.").format(verb=order.text))


def _done(context: CommandContext, text: str) -> Answer:
    """Confirm what was typed; after a button the card itself has changed."""
    pressed = context.message is not None and context.message.kind == "callback"
    return () if pressed else say(text)


_DO: dict[str, Callable[[CommandContext, Order], Answer]] = {
    words.OPEN: _open,
    words.FROM: _open_from_alert,
    words.ATTACH: _attach,
    words.NOTE: _note,
    words.ASSIGN: _assign,
    words.SEVERITY: _change_severity,
    words.RESOLVE: _resolve,
    words.REOPEN: _reopen,
    words.HINT: _hint,
}

COMMAND = Command(
    name="incident",
    description=gettext_lazy("Open an incident, note what happens, resolve it"),
    run=run,
    control=True,
    aliases=("incidente",),
)
LIST = Command(
    name="incidents",
    description=gettext_lazy("Which incidents there are"),
    run=_list,
    control=True,
    looks=True,
    aliases=("incidentes",),
)
add_phrases("incident", "incident {words}", "incidente {words}", "инцидент {words}")
add_phrases("incident", "incident: {text}", "incidente: {text}", "инцидент: {text}")
add_phrases("incident", "open [an] incident {words}", "abrir [um] incidente {words}", "открой инцидент {words}")
add_phrases("incidents", "incidents", "[list] [open] incidents", "show [the] [open] incidents")
add_phrases("incidents", "incidentes", "incidentes abertos", "mostra [os] incidentes", "listar incidentes")
add_phrases("incidents", "инциденты", "открытые инциденты", "покажи инциденты", "список инцидентов")
