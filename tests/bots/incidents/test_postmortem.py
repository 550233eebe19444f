"""The report of an incident: complete, on the clock of the chat, and text from top to bottom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.utils import translation
from markdown_it import MarkdownIt

from bots.channels.files import open_outbound
from bots.incidents.postmortem import postmortem, write_postmortem
from runbooks import incidents
from runbooks.models import Incident
from tests.runbooks.people import ALICE, BOB
from tests.sessions_app.people import make_people

pytestmark = pytest.mark.django_db
EVIL = "<script>x</script> [a](http://e.example) **b** `c` # d | e ~~f~~ &lt; ![i](x)"
START = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)


def ended(title: str = "API is slow") -> Incident:
    """An incident over the night on which Berlin's clock goes forward."""
    incident = incidents.open_incident(title, actor=BOB, severity="P1")
    incidents.note(incident.pk, "note", f"restarted {title}", ALICE, at=START + timedelta(minutes=45))
    incidents.assign(incident.pk, to=ALICE, actor=BOB)
    incidents.resolve(incident.pk, actor=ALICE, text="the disk")
    Incident.objects.filter(pk=incident.pk).update(
        opened_at=START, taken_at=START + timedelta(minutes=5), resolved_at=START + timedelta(minutes=90)
    )
    incident.events.filter(kind="opened").update(at=START)
    incident.refresh_from_db()
    return incident


def test_it_tells_the_whole_story_on_the_clock_of_the_chat() -> None:
    text = postmortem(ended(), zone=ZoneInfo("Europe/Berlin"))
    assert text.startswith("# INC-")
    for line in (
        "- Severity: P1",
        "- Opened: 2026-03-29 01:30:00 CET",
        "- Time until somebody took it: 5 min",
        "- Resolved: 2026-03-29 04:00:00 CEST",
        "- Time until it was resolved: 1 h 30 min",
        "- 2026-03-29 01:30:00 CET opened by Bob",
        "- 2026-03-29 03:15:00 CEST Alice: restarted API is slow",
        "## What we will do",
    ):
        assert line in text.splitlines(), line
    assert "resolved by Alice: the disk" in text


def test_what_people_typed_is_never_markup() -> None:
    html = (
        MarkdownIt("commonmark", {"html": True})
        .enable(["table", "strikethrough"])
        .render(postmortem(ended(EVIL), zone=ZoneInfo("UTC")))
    )
    for tag in ("<script", "<a ", "<img", "<strong", "<code", "<s>", "<table"):
        assert tag not in html
    assert "&lt;script&gt;x&lt;/script&gt;" in html


def test_it_is_a_document_that_may_leave(tmp_path: object) -> None:
    people = make_people()
    with translation.override("pt-br"):
        (message,) = write_postmortem(ended("../../évil title"), people.bobs, zone=ZoneInfo("UTC"))
    (file,) = message.files
    assert file.name.endswith("-evil-title.md")
    assert file.path == f"media/{people.bobs.pk}/{file.name}"
    assert (settings.MEDIA_ROOT / str(people.bobs.pk) / file.name).stat().st_mode & 0o077 == 0
    with open_outbound(file) as content:
        assert content.read().startswith(b"# INC-")
