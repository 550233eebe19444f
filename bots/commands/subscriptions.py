"""/subscribe, /unsubscribe, /subscriptions: which alerts this chat is shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import time

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bots.cards.alert import severity_word
from bots.commands.base import Answer, Command, CommandContext, command_button, say
from bots.commands.phrases import add_phrases
from bots.commands.spelling import as_typed
from clawsite.core.errors import BadInput, NotAllowed
from guardrails.types import Role
from runbooks.alerts.severity import find_severity
from runbooks.alerts.subscriptions import subscribe, unsubscribe
from runbooks.models import AlertGroup, AlertSubscription, MonitoredSystem

_QUIET = re.compile(r"(\d{1,2}):(\d{2})[-–](\d{1,2}):(\d{2})")
_EVERYTHING = {"all", "everything", "tudo", "todos", "все", "всё"}


def run_subscribe(context: CommandContext) -> Answer:
    """Subscribe this chat: `critical`, `warning team=payments`, `all quiet 22:00-07:00`, the name of a system."""
    words = as_typed(context.args, context.message.text if context.message else "").split()
    least: str = AlertGroup.Severity.INFO
    system: MonitoredSystem | None = None
    matchers: list[str] = []
    quiet: tuple[time, time] | None = None
    for word in words:
        if "=" in word:
            matchers.append(word)
        elif word.lower() in _EVERYTHING | {"quiet"}:
            continue
        elif match := _QUIET.fullmatch(word):
            quiet = _read_hours(match)
        elif severity := find_severity(word):
            least = severity
        else:
            system = _find_system(word)
    if quiet is None and "quiet" in {word.lower() for word in words}:
        raise BadInput(_("Quiet hours look like 22:00-07:00."))
    row = _do_subscribe(context, least=least, matchers=matchers, system=system, quiet=quiet)
    undo = command_button("↩️ " + _("Undo"), "unsubscribe", str(row.pk))
    return say(_("This chat is shown: {what}").format(what=describe(row)), [undo])


def _do_subscribe(
    context: CommandContext,
    *,
    least: str,
    matchers: Sequence[str],
    system: MonitoredSystem | None,
    quiet: tuple[time, time] | None,
) -> AlertSubscription:
    try:
        return subscribe(
            context.session, actor=context.actor, least=least, matchers=matchers, system=system, quiet=quiet
        )
    except NotAllowed:
        raise NotAllowed(_("Only operators may change what a chat is told.")) from None


def _read_hours(match: re.Match[str]) -> tuple[time, time]:
    try:
        numbers = [int(each) for each in match.groups()]
        return time(numbers[0], numbers[1]), time(numbers[2], numbers[3])
    except ValueError:
        raise BadInput(_("Quiet hours look like 22:00-07:00.")) from None


def _find_system(name: str) -> MonitoredSystem:
    system = MonitoredSystem.objects.filter(name__iexact=name, enabled=True).first()
    if system is None:
        raise BadInput(
            _("I do not know “{word}”. Say critical, warning or info, a system's name, or label=value.").format(
                word=name[:40]
            )
        )
    return system


def describe(row: AlertSubscription) -> str:
    """Return a subscription in words."""
    parts = [_("{severity} and worse").format(severity=severity_word(row.least))]
    if row.least == AlertGroup.Severity.CRITICAL:
        parts = [severity_word(row.least)]
    if row.system is not None:
        parts.append(str(row.system))
    parts += row.matchers
    if row.quiet_from and row.quiet_until:
        hours = f"{row.quiet_from:%H:%M}-{row.quiet_until:%H:%M}"
        parts.append(_("quiet {hours}, except for what is critical").format(hours=hours))
    return ", ".join(parts)


def run_unsubscribe(context: CommandContext) -> Answer:
    """Take one away by its number, or all of this chat's."""
    number = context.args.strip().lstrip("#")
    if number and not number.isdecimal() and number.lower() not in _EVERYTHING:
        raise BadInput(_("Give the number of a subscription: /subscriptions lists them."))
    try:
        count = unsubscribe(context.session, actor=context.actor, pk=int(number) if number.isdecimal() else None)
    except NotAllowed:
        raise NotAllowed(_("Only operators may change what a chat is told.")) from None
    if not count:
        return say(_("There was no such subscription."))
    return say(ngettext("{count} subscription removed.", "{count} subscriptions removed.", count).format(count=count))


def run_list(context: CommandContext) -> Answer:
    """List what this chat is shown."""
    rows = list(AlertSubscription.objects.filter(session=context.session).select_related("system"))
    if not rows:
        return say(_("This chat is shown no alerts. An operator can change that: /subscribe critical"))
    lines = [f"#{row.pk} {describe(row)}" for row in rows]
    buttons = [[command_button(f"❌ #{row.pk}", "unsubscribe", str(row.pk))] for row in rows[:5]]
    return say("\n".join([_("This chat is shown:"), *lines]), *buttons)


SUBSCRIBE = Command(
    name="subscribe",
    description=gettext_lazy("Show alerts in this chat"),
    run=run_subscribe,
    role=Role.OPERATOR,
)
UNSUBSCRIBE = Command(
    name="unsubscribe",
    description=gettext_lazy("Show this chat fewer alerts, or none"),
    run=run_unsubscribe,
    role=Role.OPERATOR,
)
LIST = Command(
    name="subscriptions",
    description=gettext_lazy("Which alerts this chat is shown"),
    run=run_list,
    control=True,
    looks=True,
)

add_phrases("subscribe", "subscribe [to] [alerts] {args}", "assinar [alertas] {args}", "inscrever [alertas] {args}")
add_phrases("subscribe", "подписать [чат] на {args}", "подпиши [чат] на {args}")
add_phrases(
    "unsubscribe", "unsubscribe", "unsubscribe [this] chat", "cancelar [a] inscricao", "отписать [чат]", "отпишись"
)
add_phrases("subscriptions", "show [my] subscriptions", "mostra as inscricoes", "minhas inscricoes", "мои подписки")
