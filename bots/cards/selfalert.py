"""The system's own troubles in words: what is wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bots.cards.registry import CardView
from bots.cards.times import clock, length
from bots.channels.base import OutboundMessage
from bots.commands.figures import show_span
from bots.reasons import say_reason
from bots.service_kinds import name_kind

KIND = "self-alert"
_MARKS = {"critical": "🚨", "warning": "⚠️"}


def render(data: Mapping[str, Any], view: CardView) -> OutboundMessage:
    """Return the message of one trouble; when it is over, that it is, and how long it lasted."""
    title, advice = word(data)
    if data["closed"]:
        text = _("✅ Over: {title} It lasted {span}.").format(title=title, span=length(data["opened"], data["closed"]))
        return OutboundMessage(text=text, plain=True)
    head = f"{_MARKS.get(data['severity'], '⚠️')} {title}"
    since = _("Since {time}").format(time=clock(data["opened"], view.zone))
    return OutboundMessage(text="\n".join(line for line in (head, advice, since) if line), plain=True)


def word(data: Mapping[str, Any]) -> tuple[str, str]:
    """Return what is wrong as a sentence, and what to do as another, in the active language."""
    words = _WORDS.get(data["check"])
    if words is None:
        return _("{check} {subject} is not as it should be.").format(check=data["check"], subject=data["subject"]), ""
    return words(data["subject"], data["numbers"])


def _service(subject: str, numbers: Mapping[str, Any]) -> tuple[str, str]:
    title = _("{kind} {name} does not answer.").format(kind=name_kind(numbers["kind"]), name=numbers["name"])
    error = say_reason(str(numbers["error"]))
    if numbers["fallback"]:
        error = _("I use {other} instead. {error}").format(other=numbers["fallback"], error=error)
    return capfirst(title), error


def _role(subject: str, numbers: Mapping[str, Any]) -> tuple[str, str]:
    title = _("No process of the role {role} is alive.").format(role=subject)
    return title, _("Check whether the service runs, and read its log.")


def _crashes(subject: str, numbers: Mapping[str, Any]) -> tuple[str, str]:
    title = _("The role {role} keeps dying ({count} times in a row): {how}.")
    return title.format(role=subject, count=numbers["deaths"], how=_end(numbers["how"])), _("The log says why.")


def _anew(subject: str, numbers: Mapping[str, Any]) -> tuple[str, str]:
    title = _("The role {role} on {host} has restarted {count} times within two hours.")
    advice = _("Its log says why: it used too much memory, something in it hung, or somebody restarted it.")
    return title.format(role=numbers["role"], host=numbers["host"].partition(" ")[0], count=numbers["starts"]), advice


def _end(how: str) -> str:
    """Return how a process ended, which the supervisor writes down in English."""
    kind, _space, number = how.rpartition(" ")
    words = {"exit code": _("exit code {number}"), "signal": _("signal {number}")}
    return words[kind].format(number=number) if kind in words else how


def _queue(subject: str, numbers: Mapping[str, Any]) -> tuple[str, str]:
    if subject == "tasks":
        title = ngettext("{count} task waits for the worker.", "{count} tasks wait for the worker.", numbers["rows"])
        return title.format(count=numbers["rows"]), ""
    names = {
        "inbox": _("A message has waited for an answer for {span}."),
        "outbox": _("An answer has waited to be sent for {span}."),
        "alerts": _("A delivery of alerts has waited for {span}."),
        "jobs": _("A job has waited for its start for {span}."),
    }
    return names[subject].format(span=_span(numbers["seconds"])), _("/status shows the queues.")


def _errors(subject: str, numbers: Mapping[str, Any]) -> tuple[str, str]:
    if subject == "sending":
        title = ngettext(
            "{count} answer could not be sent in the last five minutes.",
            "{count} answers could not be sent in the last five minutes.",
            numbers["bad"],
        )
        return title.format(count=numbers["bad"]), _("The outbox in the admin pages says why.")
    if subject == "alerts":
        title = ngettext(
            "{count} delivery of alerts could not be worked on.",
            "{count} deliveries of alerts could not be worked on.",
            numbers["bad"],
        )
        return title.format(count=numbers["bad"]), _(
            "The deliveries in the admin pages say why, and can be worked on again there."
        )
    title = _("{bad} of {total} messages in the last five minutes got no answer.")
    return title.format(bad=numbers["bad"], total=numbers["total"]), _("/status shows what does not work.")


def _slow(subject: str, numbers: Mapping[str, Any]) -> tuple[str, str]:
    title = _("Answers take {ms} ms longer than the model needs.").format(ms=numbers["ms"])
    return title, _("Look at the processor, the disk and the number of messages.")


def _level(subject: str, numbers: Mapping[str, Any]) -> tuple[str, str]:
    names = {
        "availability": _("Too many messages get no answer"),
        "overhead": _("Too many answers are slow"),
        "errors": _("Too many messages are abandoned after an error"),
    }
    title = _("{what}: the error budget of the week is being used up {rate} times as fast as it may be.")
    return title.format(what=names[subject], rate=numbers["rate"]), ""


def _poller(subject: str, numbers: Mapping[str, Any]) -> tuple[str, str]:
    title = _("No messages have been fetched from {name} for {span}.")
    return title.format(name=subject, span=_span(numbers["seconds"])), _("The role bots may be stuck; a restart helps.")


def _backup(subject: str, numbers: Mapping[str, Any]) -> tuple[str, str]:
    advice = say_reason(str(numbers["error"])) or _("`manage.py backup` makes one now.")
    if numbers["hours"] is None:
        return _("There is no verified backup."), advice
    title = ngettext(
        "The last good backup is {hours} hour old.", "The last good backup is {hours} hours old.", numbers["hours"]
    )
    return title.format(hours=numbers["hours"]), advice


def _log(subject: str, numbers: Mapping[str, Any]) -> tuple[str, str]:
    title = _("The database's log has not been fully copied for {span}; what is missing would be lost with the disk.")
    return title.format(span=_span(numbers["seconds"])), _(
        "The log of the role worker, or that of PostgreSQL, says why."
    )


def _disk(subject: str, numbers: Mapping[str, Any]) -> tuple[str, str]:
    title = _("The disk is filling up: {free} ({percent} %) is left.")
    return title.format(free=filesizeformat(numbers["free"]), percent=numbers["percent"]), _(
        "On a full disk nothing more is taken in. Free some space, or use a larger disk."
    )


def _memory(subject: str, numbers: Mapping[str, Any]) -> tuple[str, str]:
    title = _("The machine is short of memory: {free} ({percent} %) is left.")
    return title.format(free=filesizeformat(numbers["free"]), percent=numbers["percent"]), ""


def _clock(subject: str, numbers: Mapping[str, Any]) -> tuple[str, str]:
    title = _("The clock of this machine jumped by {seconds} seconds.").format(seconds=numbers["seconds"])
    return title, _("Check that it is set over the network (NTP).")


def _span(seconds: float) -> str:
    return show_span(timedelta(seconds=seconds))


_WORDS: dict[str, Callable[[str, Mapping[str, Any]], tuple[str, str]]] = {
    "service": _service,
    "role": _role,
    "crashes": _crashes,
    "anew": _anew,
    "queue": _queue,
    "errors": _errors,
    "slow": _slow,
    "level": _level,
    "poller": _poller,
    "backup": _backup,
    "log": _log,
    "disk": _disk,
    "memory": _memory,
    "clock": _clock,
}
