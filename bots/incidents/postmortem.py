"""The report of an incident: a Markdown file made from its timeline, sent as a document.

Titles and notes are escaped: what somebody typed into a chat is text in the report too, wherever it is rendered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, tzinfo

from django.conf import settings
from django.utils.formats import date_format
from django.utils.text import slugify
from django.utils.translation import gettext as _

from bots.cards.incident import describe_event
from bots.channels.base import OutboundFile, OutboundMessage
from bots.channels.files import create_file
from bots.commands.figures import show_span
from runbooks.incidents.snapshot import describe_event as as_data
from runbooks.incidents.timeline import read_timeline
from runbooks.models import Incident
from sessions_app.models import Session

TEXT_CHARS = 2000
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~&!])")


def write_postmortem(incident: Incident, session: Session, *, zone: tzinfo) -> tuple[OutboundMessage, ...]:
    """Write the report into the chat's folder, and return the message that sends it."""
    name = f"{incident.number.lower()}-{slugify(incident.title)[:40]}".rstrip("-") + ".md"
    folder = settings.MEDIA_ROOT / str(session.pk)
    folder.mkdir(parents=True, exist_ok=True)
    with create_file(folder / name) as out:
        out.write(postmortem(incident, zone=zone).encode())
    file = OutboundFile(path=f"media/{session.pk}/{name}", name=name, mime="text/markdown")
    return (OutboundMessage(text=_("Report of {number}").format(number=incident.number), plain=True, files=(file,)),)


def postmortem(incident: Incident, *, zone: tzinfo) -> str:
    """Return the report: what is known already, and headings for what only people know."""
    parts = [
        f"# {incident.number}: {escape(incident.title)}",
        "\n".join(f"- {line}" for line in _facts(incident, zone)),
        "## " + _("Timeline"),
        "\n".join(_timeline(incident, zone)),
        *(f"## {heading}\n\n{hint}" for heading, hint in _questions()),
    ]
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Return a text as one line in which Markdown and HTML find nothing to do."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _facts(incident: Incident, zone: tzinfo) -> Iterator[str]:
    yield _("Severity: {severity}").format(severity=incident.severity)
    yield _("Reported by: {name}").format(name=escape(incident.opened_by_name or incident.opened_by))
    yield _("On it: {name}").format(name=escape(incident.assignee_name) or _("nobody"))
    yield _("Opened: {time}").format(time=_moment(incident.opened_at, zone))
    if incident.taken_at:
        yield _("Time until somebody took it: {time}").format(time=show_span(incident.taken_at - incident.opened_at))
    if incident.resolved_at:
        yield _("Resolved: {time}").format(time=_moment(incident.resolved_at, zone))
        yield _("Time until it was resolved: {time}").format(time=show_span(incident.resolved_at - incident.opened_at))
    else:
        yield _("Not resolved yet")


def _timeline(incident: Incident, zone: tzinfo) -> Iterator[str]:
    for event in read_timeline(incident):
        said = escape(describe_event(as_data(event, chars=TEXT_CHARS)))
        yield f"- {_moment(event.at, zone)} {said}"


def _questions() -> list[tuple[str, str]]:
    return [
        (_("What happened"), _("In two sentences, for somebody who was not there.")),
        (_("Why it happened"), _("The cause, and what let it get so far.")),
        (_("What went well, and what did not"), _("Alerts, runbooks, people.")),
        (_("What we will do"), _("Each with a name and a date.")),
    ]


def _moment(moment: datetime, zone: tzinfo) -> str:
    return date_format(moment.astimezone(zone), "Y-m-d H:i:s T")
