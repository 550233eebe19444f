"""/briefing: what happened in the last hours, now or at set times of every day in this chat.

A briefing is a job, which asks the sources; its card is the answer. Looking needs a viewer, set times an operator.
"""

from __future__ import annotations

import re

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots.commands.base import Answer, Command, CommandContext, say
from bots.commands.phrases import add_phrases
from bots.commands.spelling import plain
from clawsite.core.errors import BadInput, NotAllowed
from guardrails.types import Role
from runbooks.briefings import NAME, put_briefing, take_shift
from runbooks.jobs import create_job
from runbooks.models import Schedule
from runbooks.schedules import delete_schedule, save_schedule
from sessions_app.sessions import zone_of

MOST_TIMES = 6
MOST_HOURS = 48
_TIME = re.compile(r"([01]?\d|2[0-3])[:h]([0-5]\d)?")
_HOURS = re.compile(r"(\d{1,2})\s*(?:h|hours?|horas?|ч|часов|часа|час)?")
_AT = {plain(word) for word in ("at", "daily", "às", "diario", "в", "ежедневно")}
_HAVE = "have"
_OFF = {plain(word) for word in ("off", "stop", "desligar", "parar", "выкл", "стоп")}


def run(context: CommandContext) -> Answer:
    """Make one now; with times, have one made at these times every day; `off` ends that."""
    words = context.args.split()
    first = plain(words[0]) if words else ""
    if first not in {_HAVE} | _AT | _OFF:
        return _make(context, context.args.strip())
    if first in _AT and len(words) == 1:
        return say(_tell(context))
    if not context.actor.is_at_least(Role.OPERATOR):
        raise NotAllowed(_("Only operators may set the times of briefings and take a shift over."))
    if first == _HAVE:
        return _take(context, words[-1])
    return _schedule(context, words[1:] if first in _AT else [])


def _make(context: CommandContext, text: str) -> Answer:
    params: dict[str, int] = {}
    if text:
        found = _HOURS.fullmatch(plain(text))
        if found is None or not 1 <= int(found[1]) <= MOST_HOURS:
            raise BadInput(_("Write /briefing, /briefing 12 for twelve hours, or /briefing at 07:00 for every day."))
        params["hours"] = int(found[1])
    job = create_job(NAME, params=params, actor=context.actor, session_id=context.session.pk, start=True)
    put_briefing(job, context.session.pk, {"waiting": True})
    return ()


def _take(context: CommandContext, key: str) -> Answer:
    """Note who has the shift now; the briefing itself shows it."""
    if take_shift(key, session_id=context.session.pk, actor=context.actor) is None:
        raise BadInput(_("There is no such briefing in this chat."))
    return ()


# --- every day -----------------------------------------------------------------------------------------------------
def _schedule(context: CommandContext, words: list[str]) -> Answer:
    """Have briefings at these times from now on, and at no others, on the clock of the chat."""
    times = sorted({_read_time(word) for word in words})
    if len(times) > MOST_TIMES:
        raise BadInput(_("At most {count} briefings a day.").format(count=MOST_TIMES))
    for row in _schedules(context):
        delete_schedule(row, actor=context.actor)
    for hour, minute in times:
        row = Schedule(
            name=f"{_prefix(context)}{hour:02}:{minute:02}",
            kind=NAME,
            params={"session": context.session.pk},
            cron=f"{minute} {hour} * * *",
            time_zone=zone_of(context.session).key,
            owner=context.actor.subject,
        )
        save_schedule(row, actor=context.actor)
    return say(_tell(context))


def follow_clock(context: CommandContext) -> None:
    """Keep the times of a chat's briefings on its clock after that was set to another zone."""
    zone = zone_of(context.session).key
    for row in _schedules(context):
        row.time_zone = zone
        save_schedule(row, actor=context.actor)


def _read_time(word: str) -> tuple[int, int]:
    found = _TIME.fullmatch(word.lower().strip(",;"))
    if found is None:
        raise BadInput(_("“{word}” is not a time. Write for example: /briefing at 07:00 23:00").format(word=word[:20]))
    return int(found[1]), int(found[2] or 0)


def _tell(context: CommandContext) -> str:
    rows = _schedules(context)
    if not rows:
        return _("No briefings are due in this chat. To have one every day: /briefing at 07:00")
    times = ", ".join(row.name.removeprefix(_prefix(context)) for row in rows)
    return _("Briefings in this chat every day at {times} ({zone}). To end them: /briefing off").format(
        times=times, zone=rows[0].time_zone
    )


def _schedules(context: CommandContext) -> list[Schedule]:
    return list(Schedule.objects.filter(kind=NAME, name__startswith=_prefix(context)).order_by("name"))


def _prefix(context: CommandContext) -> str:
    return f"{NAME} {context.session.ref} "


COMMAND = Command(
    name="briefing",
    description=gettext_lazy("What happened in the last hours, and what waits"),
    run=run,
    control=True,
)
add_phrases("briefing", "briefing", "[shift] briefing", "show [the] briefing", "shift handover", "shift summary")
add_phrases("briefing", "[mostra] [o] briefing", "resumo do turno", "passagem de turno", "briefing do turno")
add_phrases("briefing", "сводка", "покажи сводку", "сводка смены", "сводка за смену", "передача смены", "брифинг")
