"""/incident from a chat: by slash, by words in three languages, by button; its card; and who may."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from bots import texts
from bots.cards import CardView, render_card
from bots.channels.base import OutboundMessage
from bots.commands.incident_words import Order, read_order
from bots.commands.registry import match_command
from bots.commands.spelling import as_typed
from clawsite.core.models import AuditEvent
from runbooks.models import AlertGroup, Incident, MonitoredSystem
from sessions_app.models import Card, Contact, Session
from tests.bots.commands.conftest import Say
from tests.bots.commands.test_commands import buttons_of
from tests.runbooks.alerts.deliveries import One, fire
from tests.sessions_app.people import People

HOSTILE = "<b>bold</b> [click](http://evil.example) *x* {who} %s"


def card_in(session: Session, *, zone: str = "UTC") -> OutboundMessage:
    card = Card.objects.get(session=session)
    return render_card(card.kind, card.data, CardView(zone=ZoneInfo(zone)))


def open_one(people: People, say: Say, text: str = "/incident P1 API is slow") -> Incident:
    assert say(people.bob, people.bobs, text) == ()
    return Incident.objects.latest("id")


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("/incident API is slow", "API is slow"),
        ("/incidente P2 API lenta", "API lenta"),
        ("incidente API lenta", "api lenta"),
        ("incident API is slow", "api is slow"),
        ("инцидент API тормозит", "api тормозит"),
        ("incidente tudo parado", "tudo parado"),
        ("Incident: orders fail, all of them!", "orders fail, all of them"),
        ("Инцидент: всё упало, склад стоит.", "все упало, склад стоит"),
    ],
)
def test_every_language_opens_one(people: People, say: Say, text: str, title: str) -> None:
    assert open_one(people, say, text).title == title


def test_words_keep_their_capitals_when_the_message_is_there() -> None:
    assert as_typed("api lenta", "Incidente API  Lênta!") == "API Lênta"
    assert as_typed("api lenta", "") == "api lenta"
    assert as_typed("note 1 a  b", "/incident note 1 a  b") == "note 1 a  b"


@pytest.mark.parametrize(
    ("line", "order"),
    [
        ("", Order(verb="list")),
        ("список", Order(verb="list")),
        ("list of users is empty", Order(verb="open", text="list of users is empty")),
        ("12", Order(verb="show", number=12)),
        ("show #12", Order(verb="show", number=12)),
        ("mostrar INC-12", Order(verb="show", number=12)),
        ("note 12 disk is full", Order(verb="note", number=12, text="disk is full")),
        ("note taking app is down", Order(verb="open", text="note taking app is down")),
        ("note", Order(verb="hint", text="note")),
        ("attach inc-12 #7", Order(verb="attach", number=12, text="7")),
        ("vincular 12 7", Order(verb="attach", number=12, text="7")),
        ("attach 12 files to mails fails", Order(verb="open", text="attach 12 files to mails fails")),
        ("assumir 12", Order(verb="assign", number=12)),
        ("resolve 12 was the disk", Order(verb="resolve", number=12, text="was the disk")),
        ("from 5", Order(verb="from", number=5)),
        ("from São Paulo nobody logs in", Order(verb="open", text="from São Paulo nobody logs in")),
        ("from 5 pm on the API is slow", Order(verb="open", text="from 5 pm on the API is slow")),
        ("de 5 em 5 minutos cai", Order(verb="open", text="de 5 em 5 minutos cai")),
        ("show 3 merchants as failing", Order(verb="open", text="show 3 merchants as failing")),
        ("P1: API is down", Order(verb="open", text="API is down", severity="P1")),
        ("API is down (p2)", Order(verb="open", text="API is down", severity="P2")),
        ("P1", Order(verb="open", text="P1")),
        ("404 on checkout", Order(verb="open", text="404 on checkout")),
    ],
)
def test_lines_are_read_as_people_mean_them(line: str, order: Order) -> None:
    assert read_order(line) == order


@pytest.mark.parametrize(
    "text",
    [
        "incident?",
        "is there an incident?",
        "what is the incident, please",
        "incident",
        "incident: why?",
        "incident in the city yesterday, did you see",
        "the incident is over",
    ],
)
def test_questions_open_nothing(text: str) -> None:
    assert match_command(text, bot_username="clawbot") is None


def test_its_card_shows_how_it_stands_on_the_clock_of_the_chat(people: People, say: Say) -> None:
    MonitoredSystem.objects.create(name="guardian", title="Transaction Guardian")
    incident = open_one(people, say)
    Incident.objects.filter(pk=incident.pk).update(opened_at="2026-03-29T00:30:00Z")
    say(people.bob, people.bobs, f"/incident note {incident.pk} looking at it")
    shown = card_in(people.bobs, zone="Europe/Berlin")
    assert shown.plain
    assert shown.text.splitlines()[:5] == [
        f"🔴 INC-{incident.pk} · P1 · API is slow",
        "├── System: Transaction Guardian",
        "├── Open since 01:30, 29 Mar",
        "├── Reported by: Bob",
        "└── On it: nobody yet",
    ]
    assert shown.text.endswith("Bob: looking at it")
    wanted = ["assign {n} me", "note {n}", "resolve {n}", "postmortem {n}"]
    assert [button.data for button in buttons_of(shown)] == [
        f"cmd:incident {each.format(n=incident.pk)}" for each in wanted
    ]


def test_buttons_change_the_card_and_say_no_more(people: People, say: Say) -> None:
    incident = open_one(people, say)
    assert say(people.alice, people.bobs, f"/incident assign {incident.pk} me", pressed="9") == ()
    assert say(people.alice, people.bobs, f"/incident resolve {incident.pk}", pressed="9") == ()
    shown = card_in(people.bobs).text
    assert "Alice is on it" in shown
    assert "resolved by Alice" in shown
    assert (
        "is resolved already" in say(people.bob, people.bobs, f"/incident resolve {incident.pk}", pressed="9")[0].text
    )
    say(people.bob, people.bobs, f"/incident reopen {incident.pk}", pressed="9")
    assert "Open since" in card_in(people.bobs).text


def test_a_typed_order_is_confirmed(people: People, say: Say) -> None:
    incident = open_one(people, say)
    number = f"INC-{incident.pk}"
    assert say(people.bob, people.group, f"/incident note {incident.pk} x")[0].text == f"Noted in {number}."
    assert say(people.bob, people.group, f"/incident assign {incident.pk} alice")[0].text == f"Alice is on {number}."
    assert say(people.bob, people.group, f"/incident severity {incident.pk} p3")[0].text == f"{number}: P3"
    assert say(people.bob, people.group, f"/incident resolve {incident.pk} x")[0].text == f"{number} is resolved."


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("note {n}", "Write what you saw: /incident note {n} TEXT"),
        ("note", "Say which one"),
        ("show 99999", "no incident INC-99999"),
        ("note 99999 x", "no incident INC-99999"),
        ("resolve 99999", "no incident INC-99999"),
        ("assign {n} nobody", "no operator called “nobody”"),
        ("assign {n} Charlie", "no operator called “Charlie”"),
        ("severity {n} bad", "/incident severity {n} P1"),
    ],
)
def test_what_cannot_be_done_is_said(people: People, say: Say, line: str, answer: str) -> None:
    number = open_one(people, say).pk
    said = say(people.bob, people.bobs, f"/incident {line.format(n=number)}")[0].text
    assert answer.format(n=number) in said
    assert Incident.objects.get().last_seq == 1


def test_namesakes_must_be_told_apart(people: People, say: Say) -> None:
    incident = open_one(people, say)
    people.alice.name = "Bob"
    people.alice.save()
    assert "Several" in say(people.bob, people.bobs, f"/incident assign {incident.pk} bob")[0].text


def test_the_list_has_a_button_for_each(people: People, say: Say) -> None:
    assert "no incidents" in say(people.bob, people.bobs, "incidentes abertos")[0].text
    incident = open_one(people, say, f"/incident {HOSTILE}")
    answer = say(people.bob, people.group, "/incident list")[0]
    assert answer.plain
    assert "Open incidents: 1" in answer.text
    assert HOSTILE in answer.text
    assert [button.data for button in buttons_of(answer)] == [f"cmd:incident show {incident.pk}"]


def test_a_hostile_title_is_never_markup(people: People, say: Say) -> None:
    open_one(people, say, f"/incident {HOSTILE}")
    shown = card_in(people.bobs)
    assert shown.plain
    assert shown.text.splitlines()[0].endswith(HOSTILE)


def test_who_may_only_look_sees_and_changes_nothing(people: People, say: Say) -> None:
    incident = open_one(people, say)
    people.charlie.state = Contact.State.APPROVED
    people.charlie.save()
    place = Session.objects.create(channel=people.channel, chat_id="charlie")
    assert "API is slow" in say(people.charlie, place, "/incidents")[0].text
    assert say(people.charlie, place, f"/incident show {incident.pk}") == ()
    assert "API is slow" in card_in(place).text
    for line in ("it burns", f"note {incident.pk} x", f"assign {incident.pk} me", f"resolve {incident.pk}"):
        assert say(people.charlie, place, f"/incident {line}")[0].text == "Only operators may change incidents."
    assert Incident.objects.get().last_seq == 1


@pytest.mark.parametrize("text", ["/incident x", "/incidents", "incidente API lenta", "/incident show 1"])
def test_charlie_hears_that_there_is_no_such_thing(people: People, say: Say, text: str) -> None:
    open_one(people, say)
    place = Session.objects.create(channel=people.channel, chat_id="charlie")
    assert [answer.text for answer in say(people.charlie, place, text)] == [texts.unknown_command()]
    assert Incident.objects.count() == 1
    assert not Card.objects.filter(session=place).exists()


def test_an_alert_becomes_an_incident_by_a_button(people: People, say: Say) -> None:
    fire(One(annotations={"summary": HOSTILE}))
    group = AlertGroup.objects.get()
    assert say(people.bob, people.bobs, f"/incident from {group.pk}", pressed="9") == ()
    assert card_in(people.bobs).text.splitlines()[0].endswith(f"P1 · {HOSTILE}")
    assert "no such alert" in say(people.bob, people.bobs, "/incident from 999")[0].text


@pytest.fixture
def alert(people: People) -> AlertGroup:
    """An alert that belongs to no incident."""
    fire(One(annotations={"summary": "Zero transactions"}))
    return AlertGroup.objects.get()


def test_an_alert_becomes_part_of_an_incident_by_its_button(people: People, say: Say, alert: AlertGroup) -> None:
    incident = open_one(people, say)
    (details,) = say(people.bob, people.bobs, f"/alert {alert.pk}")
    button = next(each for row in details.buttons for each in row if each.label == f"🔗 {incident.number}")
    (said,) = say(people.bob, people.bobs, "/" + button.data.removeprefix("cmd:"), pressed="77")
    assert said.text == f"The alert is part of {incident.number} now."
    alert.refresh_from_db()
    assert alert.incident_id == incident.pk
    assert "alert: Zero transactions" in card_in(people.bobs).text
    assert AuditEvent.objects.get(action="incident.attach").data == {"group": alert.pk}
    (details,) = say(people.bob, people.bobs, f"/alert {alert.pk}")
    assert not [each for row in details.buttons for each in row if "🔗" in each.label]
    say(people.bob, people.bobs, f"/incident attach {incident.pk} {alert.pk}")
    assert alert.events.filter(kind="incident").count() == 1


def test_what_cannot_be_tied_is_explained(people: People, say: Say, alert: AlertGroup) -> None:
    first, second = open_one(people, say), open_one(people, say, "/incident the disk is full")
    for line, why in {
        f"{first.pk} 999": "There is no such alert.", f"999 {alert.pk}": "There is no incident INC-999.",
        f"{first.pk} {alert.pk}": "is part of", f"{second.pk} {alert.pk}": f"belongs to {first.number} already",
    }.items():  # fmt: skip
        assert why in say(people.bob, people.bobs, f"/incident attach {line}")[0].text
    say(people.bob, people.bobs, f"/incident resolve {first.pk}")
    assert "resolved already" in say(people.bob, people.bobs, f"/incident attach {first.pk} {alert.pk}")[0].text
    assert "is part of" in say(people.bob, people.bobs, f"/incident attach {second.pk} {alert.pk}")[0].text


def test_charlie_and_a_viewer_tie_nothing(people: People, say: Say, alert: AlertGroup) -> None:
    incident = open_one(people, say)
    people.bob.role = Contact.RoleChoice.VIEWER
    people.bob.save()
    line = f"/incident attach {incident.pk} {alert.pk}"
    assert "Only operators" in say(people.bob, people.bobs, line)[0].text
    assert say(people.charlie, people.group, line)[0].text == texts.unknown_command()
    alert.refresh_from_db()
    assert alert.incident_id is None
