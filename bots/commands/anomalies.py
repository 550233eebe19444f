"""/anomalies [name] [period]: what was unusual, with its scores, its state and how long it lasted. Newest last.

It reads rows that the watch keeps; when the watch cannot look at a query, the answer says so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bots.cards.anomaly import describe, kind_words
from bots.channels.base import Button
from bots.commands.base import Answer, Command, CommandContext, command_button, say, turn_page
from bots.commands.figures import show_clock, show_tree
from bots.commands.named_queries import find_queries, fold, near_queries, read_named
from bots.commands.periods import Period, last, split_period, suggest_period
from bots.commands.phrases import add_phrases
from bots.reasons import say_reason
from clawsite.core.errors import BadInput
from runbooks.incidents.lines import one_line
from runbooks.models import Anomaly, NamedQuery, QueryWatch
from runbooks.sources.overview import find_systems
from sessions_app.sessions import zone_of

DEFAULT_HOURS = 24
SHOWN = 8
MOST_CHARTS = 3
SHOWN_CHARS = 40
LABEL_CHARS = 120
_OFFSET = re.compile(r"(?:^| )\+(\d{1,5})$")


def run(context: CommandContext) -> Answer:
    """List the anomalies of a period, of one system or query when one is named."""
    now, zone = timezone.now(), zone_of(context.session)
    words, offset = _read_offset(context.args)
    name, asked = split_period(words, now=now, zone=zone)
    period = asked or last(DEFAULT_HOURS, "hour", now=now)
    rows = _filter(Anomaly.objects.between(period.start, period.end), name)
    count, is_open = rows.count(), rows.filter(state=Anomaly.State.OPEN).count()
    shown = list(rows.select_related("system").order_by("started_at", "id")[offset : offset + SHOWN])
    blocks = [_headline(period, count), *(_block(row, zone, now, period) for row in shown)]
    blocks += [*_total(count, is_open), *_silent(zone, now)]
    page = _pages(name, period, offset=offset, count=count)
    return turn_page(context, say("\n\n".join(blocks), *_charts(shown, period), page))


def _read_offset(args: str) -> tuple[str, int]:
    """Take the page that a button asks for off the end."""
    found = _OFFSET.search(args)
    return (args[: found.start()], int(found[1])) if found else (args, 0)


def _filter(rows: QuerySet[Anomaly], name: str) -> QuerySet[Anomaly]:
    """Keep the rows of a named system or query; BadInput, with what may have been meant, for a name of neither."""
    if not name:
        return rows
    named = read_named()
    queries = find_queries(name, named)
    if queries:
        return rows.filter(query__in={row.name for row in queries}, system__in={row.system_id for row in queries})
    systems = find_systems(name)
    if systems:
        return rows.filter(system__in=systems)
    raise BadInput(_unknown(name, near_queries(name, named)))


def _unknown(name: str, near: Sequence[NamedQuery]) -> str:
    text = _("I know no period, system or metric called “{name}”.").format(name=name[:SHOWN_CHARS])
    meant = suggest_period(name) or (fold(str(near[0])) if near else "")
    if meant:
        return f"{text} " + _("Did you mean “{words}”?").format(words=meant)
    return f"{text} " + _("Write for example: /anomalies 2h")


def _headline(period: Period, count: int) -> str:
    if count:
        return "🔍 " + _("Anomalies ({period}):").format(period=period.title)
    return "✅ " + _("No anomalies ({period}).").format(period=period.title)


def _block(row: Anomaly, zone: ZoneInfo, now: datetime, period: Period) -> str:
    """Return one anomaly: when and what, then its numbers."""
    title = f"{show_clock(row.started_at, zone, now=now)} – {kind_words(row.kind)}: {row.title} ({row.system})"
    labels = one_line(", ".join(f"{name}={value}" for name, value in sorted(row.labels.items())), LABEL_CHARS)
    return "\n".join(show_tree(title, [*([labels] if labels else []), *describe(row, now=now)]))


def _total(count: int, is_open: int) -> list[str]:
    if not count:
        return []
    total = ngettext("Total: {count} anomaly", "Total: {count} anomalies", count).format(count=count)
    if is_open:
        state = ngettext("{count} still open", "{count} still open", is_open).format(count=is_open)
    else:
        state = ngettext("it is over", "all are over", count)
    return [f"{total}, {state}"]


def _silent(zone: ZoneInfo, now: datetime) -> list[str]:
    """Say which queries cannot be judged, or that none is watched at all."""
    watched = NamedQuery.objects.filter(watched=True, system__enabled=True)
    if not watched.exists():
        return [_("No metric is watched. An admin switches that on for each query in the admin pages.")]
    broken = QueryWatch.objects.filter(query__in=watched).exclude(error="").select_related("query")
    return [_watch_line(watch, zone, now) for watch in broken.defer("query__promql")[:SHOWN]]


def _watch_line(watch: QueryWatch, zone: ZoneInfo, now: datetime) -> str:
    if watch.looked_at is None:
        return "⚠️ " + _("{name}: never looked at. {reason}").format(name=watch.query, reason=say_reason(watch.error))
    clock = show_clock(watch.looked_at, zone, now=now)
    return "⚠️ " + _("{name}: looked at until {time}. {reason}").format(
        name=watch.query, time=clock, reason=say_reason(watch.error)
    )


def _charts(shown: Sequence[Anomaly], period: Period) -> list[list[Button | None]]:
    """Return a button for the chart of each query that is in the list and still exists."""
    keys = list(dict.fromkeys((row.system_id, row.query) for row in shown))
    queries = NamedQuery.objects.filter(system__in={key[0] for key in keys}, name__in={key[1] for key in keys})
    known = {(row.system_id, row.name): row for row in queries.defer("promql")}
    found = [known[key] for key in keys if key in known][:MOST_CHARTS]
    return [[command_button(f"📈 {row}", "metrics", f"#{row.pk} {period.code}")] for row in found]


def _pages(name: str, period: Period, *, offset: int, count: int) -> list[Button | None]:
    line = f"{name} {period.code}".strip()
    back = command_button("◀️ " + _("Earlier"), "anomalies", f"{line} +{max(0, offset - SHOWN)}") if offset else None
    more = count > offset + SHOWN
    ahead = command_button(_("Later") + " ▶️", "anomalies", f"{line} +{offset + SHOWN}") if more else None
    return [back, ahead]


COMMAND = Command(
    name="anomalies",
    description=gettext_lazy("What was unusual lately"),
    run=run,
    control=True,
    looks=True,
    aliases=("anomalias", "anomaly"),
)

add_phrases("anomalies", "anomalies", "[show] [the] anomalies", "[any] anomalies?", "anomalies {period}")
add_phrases("anomalies", "anomalies [in] [of] [the] last {args}", "anomalies [in] [of] [the] past {args}")
add_phrases("anomalies", "anomalias", "[mostra] [as] anomalias", "[alguma] anomalia?", "anomalias [de] {period}")
for _lead in ("ultima", "ultimo", "ultimas", "ultimos"):
    add_phrases("anomalies", f"anomalias [na] [no] [nas] [nos] [da] [das] [dos] {_lead} {{args}}")
add_phrases("anomalies", "аномалии", "[покажи] аномалии", "[есть] [ли] аномалии?", "аномалии [за] {period}")
add_phrases("anomalies", "аномалии за {args}", "аномалии в последний {args}")
