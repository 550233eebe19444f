"""/alerts: what fires now, as Alertmanager told within the last half minute, worst first.

Where no system has an Alertmanager that can be asked, it is what was told to us.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bots.cards.alert import DOTS
from bots.commands import alert
from bots.commands.base import Answer, Command, CommandContext, command_button, say, turn_page
from bots.commands.figures import show_clock, show_span, show_tree
from bots.commands.phrases import add_phrases
from bots.commands.systems import pick_systems
from runbooks.alerts.severity import read_severity, worst_first
from runbooks.models import AlertGroup
from runbooks.sources.overview import Overview, overviews
from sessions_app.sessions import zone_of

OTHER = "⚪"
SHOWN = 20

PHRASES = (
    "alerts", "[show] [me] [the] [active] alerts", "[list] [all] alerts", "problems?", "[are] [there] any alerts?",
    "[are] [there] any problems?", "what is wrong?", "what's wrong?",
    "alertas", "mostra [os] alertas [ativos]", "mostrar [os] alertas [ativos]", "mostre [os] alertas [ativos]",
    "lista [os] alertas", "listar [os] alertas", "alertas ativos", "problemas?", "[tem] algum problema?",
    "[tem] algum alerta?", "quais [sao] [os] alertas?", "o que esta errado?",
    "алерты", "тревоги", "оповещения", "[покажи] [активные] алерты", "[покажи] [активные] тревоги", "список алертов",
    "проблемы?", "[покажи] проблемы", "есть [ли] проблемы?", "есть [ли] алерты?", "какие проблемы?", "что не так?",
)  # fmt: skip


def run(context: CommandContext) -> Answer:
    """List the alerts of all systems, or of those whose name was given."""
    found = [each for each in overviews(pick_systems(context.args)) if "alertmanager" in each.readings]
    again = [
        command_button("🔄 " + _("Refresh"), "alerts", context.args),
        command_button("🔎 " + _("Details"), "alert"),
    ]
    if not found and AlertGroup.objects.filter(state=AlertGroup.State.FIRING).exists():
        return alert.run(replace(context, args=""))
    if not found:
        return say(_("No monitored system has an Alertmanager. An admin adds its address in the admin pages."))
    parts = [_part(each, context, is_only=len(found) == 1) for each in found]
    return turn_page(context, say("\n\n".join(parts), again))


def _part(overview: Overview, context: CommandContext, *, is_only: bool) -> str:
    """Return the alerts of one system below its name, which one system alone does not need."""
    now = timezone.now()
    lines = [] if is_only else [f"{overview.system}:"]
    reading = overview.readings["alertmanager"]
    if reading.failing_since is not None:
        lines.append(
            "⚠️ " + _("Alertmanager has not answered for {age}.").format(age=show_span(now - reading.failing_since))
        )
    if reading.data is None:
        return "\n".join(lines if reading.failing_since else [*lines, "⏳ " + _("Alertmanager was not asked yet.")])
    lines.append(_headline(reading.data))
    if reading.is_old and reading.read_at:
        lines.append(_("As of: {time}").format(time=show_clock(reading.read_at, zone_of(context.session), now=now)))
    active = [each for each in reading.data["alerts"] if not each["suppressed"]]
    worst = sorted(active, key=lambda each: worst_first(read_severity(each["severity"])))
    lines += ["\n" + "\n".join(_alert(each, context, now)) for each in worst[:SHOWN]]
    return "\n".join([*lines, *_rest(reading.data)])


def _headline(data: Mapping[str, Any]) -> str:
    count = int(data["active"])
    if not count:
        return "✅ " + _("No active alerts at the moment.")
    return "🚨 " + ngettext("{count} active alert", "{count} active alerts", count).format(count=count)


def _alert(told: Mapping[str, Any], context: CommandContext, now: datetime) -> list[str]:
    since = datetime.fromisoformat(told["starts_at"])
    clock, age = show_clock(since, zone_of(context.session), now=now), show_span(now - since)
    name = told["name"] or _("without a name")
    title = f"{DOTS.get(read_severity(told['severity']) or '', OTHER)} {name}"
    lines = [
        _("Severity: {severity}").format(severity=told["severity"] or _("unknown")),
        _("Since: {time} ({age})").format(time=clock, age=age),
    ]
    return show_tree(title, [*lines, *([told["text"]] if told["text"] else [])])


def _rest(data: Mapping[str, Any]) -> list[str]:
    hidden, quiet = max(0, int(data["active"]) - SHOWN), int(data["suppressed"])
    lines = [_("… and {count} more").format(count=hidden)] if hidden else []
    if quiet:
        lines.append("🔕 " + _("silenced or inhibited: {count}").format(count=quiet))
    return ["", *lines] if lines else []


COMMAND = Command(
    name="alerts",
    description=gettext_lazy("What is firing now"),
    run=run,
    control=True,
    looks=True,
    aliases=("alertas", "problems"),
)

add_phrases("alerts", *PHRASES)
