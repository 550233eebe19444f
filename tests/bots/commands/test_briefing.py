"""/briefing from a chat: now, for so many hours, at set times, and who may."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from bots import texts
from bots.commands.registry import match_command
from runbooks.models import Job, Schedule
from sessions_app.models import Card, Contact, Session
from tests.bots.commands.conftest import Say
from tests.sessions_app.people import People


def due(session: Session) -> list[tuple[str, str]]:
    rows = Schedule.objects.filter(params__session=session.pk).order_by("name")
    return list(rows.values_list("cron", "time_zone"))


@pytest.mark.parametrize(
    "text", ["/briefing", "briefing", "Resumo do turno", "сводка", "passagem de turno", "show the briefing"]
)
def test_every_language_asks_for_one(people: People, say: Say, text: str) -> None:
    assert say(people.bob, people.bobs, text) == ()
    job = Job.objects.get()
    assert (job.kind, job.state, job.session) == ("briefing", "queued", people.bobs)
    assert (job.requested_by, job.params["hours"]) == (people.bob.person, 8)
    card = Card.objects.get()
    assert (card.session, card.data["waiting"]) == (people.bobs, True)


@pytest.mark.parametrize("text", ["summary", "give me a briefing on quantum physics", "briefing?", "смена"])
def test_ordinary_sentences_ask_for_none(text: str) -> None:
    assert match_command(text, bot_username="clawbot") is None


@pytest.mark.parametrize(("text", "hours"), [("12", 12), ("12h", 12), ("24 horas", 24), ("48 ч", 48)])
def test_of_so_many_hours(people: People, say: Say, text: str, hours: int) -> None:
    say(people.bob, people.bobs, f"/briefing {text}")
    assert Job.objects.get().params["hours"] == hours


@pytest.mark.parametrize("text", ["0", "49", "soon", "-1", "at 25:00", "at 07:60", "at noon"])
def test_what_makes_no_sense_is_said(people: People, say: Say, text: str) -> None:
    assert "/briefing" in say(people.bob, people.bobs, f"/briefing {text}")[0].text
    assert not Job.objects.exists()
    assert not Schedule.objects.exists()


def test_at_set_times_on_the_clock_of_the_chat(people: People, say: Say) -> None:
    people.bobs.time_zone = "America/Sao_Paulo"
    people.bobs.save()
    said = say(people.bob, people.bobs, "/briefing at 07:00, 23h 7:00")[0].text
    assert "at 07:00, 23:00 (America/Sao_Paulo)" in said
    assert due(people.bobs) == [("0 7 * * *", "America/Sao_Paulo"), ("0 23 * * *", "America/Sao_Paulo")]
    assert Schedule.objects.filter(owner=people.bob.person, enabled=True).count() == 2
    say(people.alice, people.group, "/briefing at 08:30")
    assert "at 08:30" in say(people.bob, people.bobs, "/briefing às 08:30")[0].text
    assert (len(due(people.bobs)), len(due(people.group))) == (1, 1)
    assert "at 08:30" in say(people.bob, people.bobs, "/briefing at")[0].text
    assert "No briefings" in say(people.bob, people.bobs, "/briefing off")[0].text
    assert (due(people.bobs), len(due(people.group))) == ([], 1)


def test_the_times_follow_the_clock_of_the_chat(people: People, say: Say) -> None:
    say(people.bob, people.bobs, "/briefing at 07:00")
    say(people.alice, people.group, "/briefing at 07:00")
    say(people.bob, people.bobs, "/settings time_zone Europe/Berlin")
    assert due(people.bobs) == [("0 7 * * *", "Europe/Berlin")]
    assert due(people.group) == [("0 7 * * *", "UTC")]
    next_due = Schedule.objects.get(params__session=people.bobs.pk).next_due
    assert next_due is not None
    assert next_due.astimezone(ZoneInfo("Europe/Berlin")).strftime("%H:%M") == "07:00"
    say(people.bob, people.bobs, "/settings time_zone auto")
    assert due(people.bobs) == [("0 7 * * *", "UTC")]


def test_a_button_takes_the_shift_over(people: People, say: Say) -> None:
    say(people.bob, people.bobs, "/briefing")
    key = Job.objects.get().key
    assert say(people.alice, people.bobs, f"/briefing have {key}", pressed="9") == ()
    assert Card.objects.get().data["taken"]["who"] == "Alice"
    assert "no such briefing" in say(people.bob, people.group, f"/briefing have {key}")[0].text


def test_there_is_a_most(people: People, say: Say) -> None:
    times = " ".join(f"{hour}:00" for hour in range(7))
    assert "At most 6" in say(people.bob, people.bobs, f"/briefing at {times}")[0].text


def test_a_viewer_looks_and_sets_nothing(people: People, say: Say) -> None:
    people.charlie.state = Contact.State.APPROVED
    people.charlie.save()
    place = Session.objects.create(channel=people.channel, chat_id="charlie")
    assert say(people.charlie, place, "/briefing") == ()
    assert Job.objects.count() == 1
    for text in ("at 07:00", "off"):
        assert say(people.charlie, place, f"/briefing {text}")[0].text.startswith("Only operators")
    assert not Schedule.objects.exists()


@pytest.mark.parametrize("text", ["/briefing", "briefing", "/briefing at 07:00", "/briefing off"])
def test_charlie_hears_that_there_is_no_such_thing(people: People, say: Say, text: str) -> None:
    assert say(people.charlie, people.group, text)[0].text == texts.unknown_command()
    assert not Job.objects.exists()
    assert not Card.objects.exists()
