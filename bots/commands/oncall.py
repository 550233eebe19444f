"""/oncall: whose turn it is and who comes next; `take ROTA 8h` takes a turn over."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots.cards.times import clock
from bots.commands.alerting import read_length
from bots.commands.base import Answer, Command, CommandContext, say
from bots.commands.phrases import add_phrases
from clawsite.core.errors import BadInput, NotAllowed
from guardrails.types import Role
from runbooks.alerts.rota import find_end, find_next, find_on_call
from runbooks.alerts.swaps import take_over
from runbooks.models import Rota
from sessions_app.sessions import zone_of


def run(context: CommandContext) -> Answer:
    """Show who is on call; with `take`, take over."""
    word, _blank, rest = context.args.strip().partition(" ")
    if word.lower() == "take":
        return _take(context, rest)
    rotas = list(Rota.objects.all())
    if not rotas:
        return say(_("There is no rota yet. An admin makes one in the admin pages."))
    return say("\n\n".join(_describe(rota, context) for rota in rotas))


def _describe(rota: Rota, context: CommandContext) -> str:
    now, zone = timezone.now(), zone_of(context.session)
    turn, following = find_on_call(rota, now), find_next(rota, now)
    if turn is None:
        lines = [_("{rota}: nobody is on call").format(rota=rota.name)]
    else:
        until = clock(find_end(rota, turn, now).isoformat(), zone)
        swapped = " 🔁" if turn.swapped else ""
        lines = [_("{rota}: {name} until {until}").format(rota=rota.name, name=turn.responder, until=until) + swapped]
    if following is not None:
        since = clock(following.starts_at.isoformat(), zone)
        lines.append(_("Next: {name}, {since}").format(name=following.responder, since=since))
    return "\n".join(lines)


def _take(context: CommandContext, words: str) -> Answer:
    name, _blank, rest = words.strip().partition(" ")
    rota = Rota.objects.filter(name__iexact=name).first()
    if rota is None:
        raise BadInput(_("There is no rota “{name}”. /oncall lists them.").format(name=name[:40]))
    if not context.actor.is_at_least(Role.OPERATOR):
        raise NotAllowed(_("Only operators may take a turn over."))
    swap = take_over(rota, contact=context.contact, length=read_length(rest), actor=context.actor)
    until = clock(swap.ends_at.isoformat(), zone_of(context.session))
    return say(_("You are on call for {rota} until {until}.").format(rota=rota.name, until=until))


COMMAND = Command(
    name="oncall",
    description=gettext_lazy("Who is on call"),
    run=run,
    control=True,
    aliases=("who_is_on_call",),
)

add_phrases("oncall", "who is on call?", "on call", "quem esta de plantao?", "plantao", "кто дежурит?", "дежурный")
