"""/ack and /silence: what people do about alerts, mostly by the buttons of their messages.

The message of the alert changes in place and is the answer to a pressed button; who types gets a line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bots.cards.times import clock
from bots.commands.base import Answer, Command, CommandContext, say
from bots.commands.periods import SECONDS, UNITS
from bots.commands.phrases import add_phrases
from clawsite.core.errors import BadInput, NotAllowed
from guardrails.types import Role
from runbooks.alerts import actions, silencing
from runbooks.alerts.actions import AlreadyDone
from runbooks.models import AlertGroup
from sessions_app.sessions import zone_of

T = TypeVar("T")

_UNIT_SECONDS = {word: SECONDS[unit] for unit, words in UNITS.items() for word in words.split()}
_LENGTH = re.compile(rf"(?:(?:for|por|на)\s+)?(\d{{1,4}})\s*({'|'.join(_UNIT_SECONDS)})\.?")


def acknowledge(context: CommandContext) -> Answer:
    """Take an alert on: `12`, `undo 12` lets go, `storm 3` takes all of a storm; without words the newest one."""
    word, number = _read_number(context.args)
    if word == "storm":
        return _acknowledge_storm(context, number)
    if word == "undo":
        group = _do(lambda: actions.release(number, actor=context.actor, origin=_origin(context)))
        return _answer(context, _("You let go of it: {title}").format(title=group.title))
    number = number or _newest()
    group = _do(lambda: actions.acknowledge(number, actor=context.actor, origin=_origin(context)))
    return _answer(context, _("You have it now: {title}").format(title=group.title))


def _acknowledge_storm(context: CommandContext, number: int) -> Answer:
    count = _do(lambda: actions.acknowledge_storm(number, actor=context.actor, origin=_origin(context)))
    return say(ngettext("You have {count} alert now.", "You have {count} alerts now.", count).format(count=count))


def silence(context: CommandContext) -> Answer:
    """Silence an alert: `12 4h`, `4h` for the only one that waits, or `undo 7` for a silence that was made."""
    length = _find_length(context.args)
    word, number = ("", 0) if length else _read_number(context.args)
    if word == "undo":
        row = _do(
            lambda: silencing.undo(number, actor=context.actor, origin=_origin(context), session_id=context.session.pk)
        )
        return _answer(context, _("The silence is over: {title}").format(title=row.group.title))
    if word == "storm":
        raise BadInput(_("Give the number of the alert, such as: /ack 12. /alert lists them."))
    span = length or read_length(context.args.partition(str(number))[2])
    row = _do(
        lambda: silencing.silence(
            number or _newest(),
            length=span,
            actor=context.actor,
            origin=_origin(context),
            session_id=context.session.pk,
        )
    )
    until = clock(row.ends_at.isoformat(), zone_of(context.session))
    return _answer(context, _("Silent until {until}: {title}").format(until=until, title=row.group.title))


def _read_number(args: str) -> tuple[str, int]:
    """Return the word in front of a number, and the number (0 without one)."""
    match = re.match(r"\s*(undo|storm)?\s*#?(\d{1,12})?", args.lower())
    word, number = match.groups() if match else ("", "")
    if args.strip() and not number:
        raise BadInput(_("Give the number of the alert, such as: /ack 12. /alert lists them."))
    return word or "", int(number or 0)


def read_length(text: str) -> timedelta:
    """Return a length of time that somebody typed (one hour when nothing was)."""
    if not text.strip():
        return timedelta(hours=1)
    length = _find_length(text)
    if length is None:
        raise BadInput(_("Say for how long, such as 30m, 4h or 1d."))
    return length


def _find_length(text: str) -> timedelta | None:
    """Return the length of time that a whole text is, None when it is something else."""
    match = _LENGTH.fullmatch(text.strip().lower())
    return timedelta(seconds=int(match[1]) * _UNIT_SECONDS[match[2]]) if match else None


def _newest() -> int:
    """Return the alert that fires and nobody has; BadInput when it is not clear which is meant."""
    open_ones = list(AlertGroup.objects.filter(state="firing", acked_at=None).values_list("pk", flat=True)[:2])
    if len(open_ones) == 1:
        return int(open_ones[0])
    if not open_ones:
        raise BadInput(_("No alert waits for anybody."))
    raise BadInput(_("There are several alerts. Give the number of one: /alert lists them."))


def _do(action: Callable[[], T]) -> T:
    """Run an action; what it refuses is said in the reader's language."""
    try:
        return action()
    except AlreadyDone as error:
        words = {
            "over": _("That is over already."),
            "taken": _("{name} has it already.").format(name=error.name),
            "free": _("Nobody has it, or it is over."),
            "silent": _("It is silent already."),
        }
        raise BadInput(words[error.why]) from None
    except NotAllowed:
        raise NotAllowed(_("There is no such alert, or it is not for you to change.")) from None


def _origin(context: CommandContext) -> str:
    return f"chat:{context.session.pk}"


def _answer(context: CommandContext, text: str) -> Answer:
    """A pressed button is answered by the message that changes."""
    pressed = context.message is not None and context.message.kind == "callback"
    return () if pressed else say(text)


ACK = Command(
    name="ack",
    description=gettext_lazy("Take an alert on, so that nobody else is called"),
    run=acknowledge,
    role=Role.OPERATOR,
    control=True,
    aliases=("acknowledge",),
)
SILENCE = Command(
    name="silence",
    description=gettext_lazy("Keep an alert silent for a while"),
    run=silence,
    role=Role.OPERATOR,
    control=True,
    aliases=("mute",),
)

add_phrases("ack", "acknowledge", "i take it", "assumo o alerta", "eu assumo", "беру на себя", "принято в работу")
add_phrases("silence", "silence [alert] {args}", "silenciar [alerta] {args}", "silencia [alerta] {args}")
add_phrases("silence", "заглуши [тревогу] {args}", "заглушить {args}")
