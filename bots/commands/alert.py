"""/alert: which alerts fire as we know them, everything about one, and what a storm is made of."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots.alerts.timeline import event_line
from bots.cards import alert as card
from bots.cards.registry import CardView
from bots.channels.base import Button
from bots.commands.base import Answer, Command, CommandContext, command_button, say
from bots.commands.phrases import add_phrases
from clawsite.core.errors import BadInput
from runbooks.alerts.facts import cut, group_facts
from runbooks.alerts.remedies import find_remedies
from runbooks.alerts.silenced import find_silence
from runbooks.models import AlertGroup, Incident
from sessions_app.sessions import zone_of

SHOWN, SHOWN_EVENTS, SHOWN_ALERTS, SHOWN_INCIDENTS = 10, 15, 20, 3
PER_ROW = 5
MOST_DIGITS = 12
TEXT_CHARS = 12_000


def run(context: CommandContext) -> Answer:
    """List what fires; show the one of a number."""
    word, _blank, rest = context.args.strip().lower().partition(" ")
    if word == "storm" and rest.strip().isdecimal() and len(rest) <= MOST_DIGITS:
        return _list(context, storm=int(rest))
    number = word.lstrip("#")
    if not number:
        return _list(context)
    if not number.isdecimal():
        raise BadInput(_("Give the number of an alert, such as: /alert 12"))
    return _show(context, int(number))


def _list(context: CommandContext, *, storm: int | None = None) -> Answer:
    """List the newest that fire, with a button for each."""
    rows = AlertGroup.objects.filter(state=AlertGroup.State.FIRING).select_related("system").order_by("-id")
    if storm is not None:
        rows = rows.filter(notices__storm=storm)
    found = list(rows[:SHOWN])
    if not found:
        return say("✅ " + _("No alert fires."))
    head = _("Alerts that fire: {count}").format(count=rows.count())
    lines = [_line(group) for group in found]
    buttons = [command_button(f"#{group.pk}", "alert", str(group.pk)) for group in found]
    chunks: list[list[Button | None]] = [buttons[start : start + PER_ROW] for start in range(0, len(buttons), PER_ROW)]
    return say("\n".join([head, "", *lines]), *chunks)


def _line(group: AlertGroup) -> str:
    who = f" — 👤 {group.acked_name}" if group.acked_at else ""
    return f"{card.DOTS[group.severity]} #{group.pk} {cut(group.title, 120)}{who}"


def _show(context: CommandContext, number: int) -> Answer:
    """Show everything about one: its message, every label, and what happened to it."""
    group = AlertGroup.objects.select_related("system", "incident").filter(pk=number).first()
    if group is None:
        raise BadInput(_("There is no alert {number}. /alert lists those that fire.").format(number=f"#{number}"))
    zone = zone_of(context.session)
    facts = group_facts(group, silence=find_silence(group, now=timezone.now()), runbooks=find_remedies(group))
    events = list(group.events.order_by("-id")[:SHOWN_EVENTS])[::-1]
    blocks = [
        card.describe(facts, CardView(zone=zone, language=context.language, is_group=context.is_group)),
        "\n".join([_("Labels:"), *_pairs(group.labels), *_pairs(group.annotations)]),
        "\n".join(_alert_lines(group)),
        "\n".join([_("What happened:"), *(event_line(event, zone) for event in events)]),
    ]
    text = "\n\n".join(block for block in blocks if block)
    return say(
        text if len(text) <= TEXT_CHARS else text[: TEXT_CHARS - 1] + "…", *card.buttons(facts), *_attach_rows(group)
    )


def _attach_rows(group: AlertGroup) -> list[list[Button | None]]:
    """Return a button for each of the worst open incidents that a group could be part of, if it is of none."""
    if group.incident is not None and group.incident.is_open:
        return []
    found = Incident.objects.open().worst_first()[:SHOWN_INCIDENTS]
    row = [command_button(f"🔗 {each.number}", "incident", f"attach {each.pk} {group.pk}") for each in found]
    return [row] if row else []


def _pairs(texts: dict[str, str]) -> list[str]:
    return [f"{cut(name, 80)}: {cut(value, 600)}" for name, value in sorted(texts.items())]


def _alert_lines(group: AlertGroup) -> list[str]:
    """List the alerts of a group that has several, the firing ones first."""
    total = group.firing + group.ended
    if total < 2:
        return []
    rows = list(group.alerts.order_by("state", "pk")[:SHOWN_ALERTS])
    lines = [_("Alerts: {count}").format(count=total)]
    for row in rows:
        dot = card.DOTS[row.severity] if row.state == AlertGroup.State.FIRING else card.RESOLVED
        own = " ".join(
            f"{name}={value}" for name, value in sorted(row.labels.items()) if group.labels.get(name) != value
        )
        lines.append(f"{dot} {cut(own or row.fingerprint, 300)}")
    return lines


COMMAND = Command(
    name="alert",
    description=gettext_lazy("Everything about one alert"),
    run=run,
    control=True,
    looks=True,
)

add_phrases(
    "alert", "[show] alert {args}", "details of alert {args}", "mostra o alerta {args}", "detalhes do alerta {args}"
)
add_phrases("alert", "покажи тревогу {args}", "тревога {args}")
