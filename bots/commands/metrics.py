"""/metrics [name] [period]: a named query's value, change and chart. Without a name, which there are.

The answer is a card that a job shows as soon as Prometheus has answered. A query is also asked for by its mere name
in plain words ("taxa de aprovação"), with a period behind it if wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots.channels.base import Button, InboundMessage
from bots.commands.base import Answer, Command, CommandContext, Match, command_button, say, turn_page
from bots.commands.named_queries import find_queries, fold, is_named, near_queries, read_named
from bots.commands.periods import Period, last, split_period, suggest_period
from bots.commands.phrases import MAX_CHARS, add_phrases
from clawsite.core.errors import BadInput
from runbooks.metrics import ask_metric
from runbooks.models import NamedQuery
from sessions_app.sessions import zone_of

DEFAULT_HOURS = 6
SHOWN = 20
PER_ROW = 2
SHOWN_CHARS = 40


def run(context: CommandContext) -> Answer:
    """Have a metric shown; say which there are, or what may have been meant, where it is not clear which."""
    now, zone = timezone.now(), zone_of(context.session)
    name, asked = split_period(context.args, now=now, zone=zone)
    period = asked or last(DEFAULT_HOURS, "hour", now=now)
    named = read_named()
    if not name:
        return turn_page(context, _list([each.query for each in named], period))
    found = find_queries(name, named)
    if not found:
        return _suggest(name, near_queries(name, named), period)
    if len(found) > 1:
        return say(_("Which one?"), *_buttons(found, period))
    ask_metric(
        found[0],
        start=period.start,
        end=period.end,
        zone=zone.key,
        actor=context.actor,
        session_id=context.session.pk,
    )
    return ()


def match_metric(message: InboundMessage, text: str) -> Match | None:
    """Return the command that shows a metric when the text of a message (without the bot's name) is the metric's name,
    with or without a period. In the database's thread."""
    if message.kind != "message" or message.forwarded or not text or "\n" in text or len(text) > MAX_CHARS:
        return None
    line = text.rstrip(".!?")
    try:
        name, _period = split_period(line, now=timezone.now(), zone=ZoneInfo("UTC"))
    except BadInput:
        return None
    return Match(command=COMMAND, args=line) if name and is_named(name) else None


def _list(queries: Sequence[NamedQuery], period: Period) -> Answer:
    if not queries:
        return say(_("There are no metrics yet. An admin adds named queries to a system in the admin pages."))
    text = _("Metrics. Choose one, or write for example: {example}").format(
        example=f"/metrics {fold(str(queries[0]))} {period.code}"
    )
    more = _("… and {count} more").format(count=len(queries) - SHOWN) if len(queries) > SHOWN else ""
    return say("\n".join(line for line in (text, more) if line), *_buttons(queries[:SHOWN], period))


def _suggest(name: str, near: Sequence[NamedQuery], period: Period) -> Answer:
    """Say that there is none of this name, and offer what is near it; a slip in the period is named too."""
    text = _("I know no metric called “{name}”.").format(name=name[:SHOWN_CHARS])
    words = name.split()
    slip = next((meant for count in (2, 1) if (meant := suggest_period(" ".join(words[-count:])))), "")
    if slip and not near:
        return say(f"{text} " + _("Did you mean “{words}”?").format(words=slip))
    if near:
        return say(f"{text} " + _("Did you mean one of these?"), *_buttons(near, period))
    return say(f"{text} " + _("/metrics lists them."))


def _buttons(queries: Sequence[NamedQuery], period: Period) -> list[list[Button | None]]:
    """Return a button for each query; the system is named where several have one of the name."""
    titles = [str(query) for query in queries]
    made = [
        command_button(
            f"{title} ({query.system})" if titles.count(title) > 1 else title, "metrics", f"#{query.pk} {period.code}"
        )
        for query, title in zip(queries, titles, strict=True)
    ]
    return [made[first : first + PER_ROW] for first in range(0, len(made), PER_ROW)]


COMMAND = Command(
    name="metrics",
    description=gettext_lazy("A value, how it changed, and its chart"),
    run=run,
    control=True,
    looks=True,
    aliases=("metric", "metrica", "metricas", "chart", "grafico"),
)

add_phrases("metrics", "metrics", "[show] [the] metrics", "list [the] metrics", "metrics {args}", "metric {args}")
add_phrases("metrics", "show [the] metric {args}", "[show] [the] chart of {args}", "[show] [me] [a] chart for {args}")
add_phrases("metrics", "metricas", "[mostra] [as] metricas", "listar metricas", "metrica {args}", "metricas {args}")
add_phrases("metrics", "mostra [a] metrica {args}", "[mostra] [o] grafico de {args}", "[mostra] [o] grafico da {args}")
add_phrases("metrics", "метрики", "[покажи] метрики", "список метрик", "метрика {args}", "метрики {args}")
add_phrases("metrics", "покажи метрику {args}", "[покажи] график {args}")
