"""What people do about alerts in a chat: take one on, silence it, look at it, subscribe. Charlie can do none of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bots.cards.alert import buttons
from bots.commands.alerting import read_length
from bots.commands.registry import find_command_line, run_command
from clawsite.core.errors import BadInput
from runbooks.models import AlertGroup, AlertSilence, AlertSubscription, Job, MonitoredSystem
from sessions_app.models import Card, Contact, Session
from tests.bots.commands.conftest import Say, make_context
from tests.runbooks.alerts.deliveries import One, fire
from tests.sessions_app.people import People

pytestmark = pytest.mark.django_db


@pytest.fixture
def group(people: People, say: Say) -> AlertGroup:
    """A critical group that Bob's chat is shown."""
    say(people.bob, people.bobs, "/subscribe all")
    fire(One(annotations={"summary": "Zero transactions"}, labels={"team": "payments"}))
    return AlertGroup.objects.get()


@pytest.fixture
def viewer(people: People) -> Contact:
    people.bob.role = Contact.RoleChoice.VIEWER
    people.bob.save()
    return people.bob


def press(contact: Contact, session: Session, line: str) -> tuple[str, ...]:
    """Press the button of a card; returns what is said beside it."""
    match = find_command_line(line)
    assert match is not None, line
    answer = run_command(match.command, make_context(contact, session, match.args, pressed="77"))
    return tuple(message.text for message in answer)


def test_the_buttons_of_the_message_are_commands(group: AlertGroup) -> None:
    lines = [button.data.removeprefix("cmd:") for row in buttons(Card.objects.get().data) for button in row]
    pk = group.pk
    assert lines == [
        f"ack {pk}", f"silence {pk} 1h", f"silence {pk} 4h", f"silence {pk} 24h", f"incident from {pk}", f"alert {pk}",
    ]  # fmt: skip
    assert all(find_command_line(line) is not None for line in lines)


def test_a_press_takes_it_on_and_the_message_says_who(people: People, group: AlertGroup) -> None:
    assert press(people.bob, people.bobs, f"ack {group.pk}") == ()
    group.refresh_from_db()
    assert (group.acked_by, group.acked_name) == (people.bob.subject, "Bob")
    assert Card.objects.get().data["acked"]["name"] == "Bob"
    assert press(people.alice, people.alices, f"ack {group.pk}") == ("Bob has it already.",)
    assert press(people.alice, people.alices, f"ack undo {group.pk}") == ()
    assert "acked" not in Card.objects.get().data
    assert press(people.alice, people.alices, f"ack undo {group.pk}") == ("Nobody has it, or it is over.",)
    assert list(group.events.values_list("kind", flat=True)) == ["opened", "acked", "unacked"]


def test_a_late_press_hears_that_it_is_over(people: People, group: AlertGroup) -> None:
    AlertGroup.objects.update(state="resolved")
    assert press(people.bob, people.bobs, f"ack {group.pk}") == ("That is over already.",)


def test_who_types_gets_a_line(people: People, group: AlertGroup, say: Say) -> None:
    assert say(people.bob, people.bobs, "/ack")[0].text == "You have it now: Zero transactions"
    assert say(people.bob, people.bobs, "/ack")[0].text == "No alert waits for anybody."
    assert "Give the number" in say(people.bob, people.bobs, "/ack that one")[0].text


@pytest.mark.parametrize("words", ["4h", "for 4 h", "на 4 ч"])
def test_the_only_alert_that_waits_is_silenced_without_its_number(
    people: People, group: AlertGroup, say: Say, words: str
) -> None:
    assert "Silent until" in say(people.bob, people.bobs, f"/silence {words}")[0].text
    row = AlertSilence.objects.get()
    assert (row.group, round((row.ends_at - row.starts_at).total_seconds())) == (group, 4 * 3600)


def test_without_an_alertmanager_the_silence_is_ours_alone(people: People, group: AlertGroup) -> None:
    press(people.bob, people.bobs, f"silence {group.pk} 4h")
    silence = AlertSilence.objects.get()
    assert (silence.state, silence.matchers) == ("local", {"alertname": "ZeroTransactions"})
    assert round((silence.ends_at - silence.starts_at).total_seconds()) == 4 * 3600
    assert Card.objects.get().data["silence"]["state"] == "local"
    assert press(people.bob, people.bobs, f"silence {group.pk} 1h") == ("It is silent already.",)
    press(people.bob, people.bobs, f"silence undo {silence.pk}")
    assert "silence" not in Card.objects.get().data


def test_with_an_alertmanager_a_job_makes_the_silence(people: People, say: Say) -> None:
    MonitoredSystem.objects.create(name="guardian", alertmanager_url="http://127.0.0.1:1")
    fire()
    assert "Silent until" in say(people.bob, people.bobs, "/silence 1 24h".replace("1 ", f"{_pk()} "))[0].text
    job = Job.objects.get()
    assert (job.kind, job.params, job.state) == ("alert_silence", {"silence": AlertSilence.objects.get().pk}, "queued")


def _pk() -> int:
    return AlertGroup.objects.get().pk


@pytest.mark.parametrize("words", ["{pk} soon", "{pk} 0m", "{pk} 9d", "{pk} 99999h"])
def test_a_length_that_is_none_is_explained(people: People, group: AlertGroup, say: Say, words: str) -> None:
    assert say(people.bob, people.bobs, "/silence " + words.format(pk=group.pk))[0].text
    assert AlertSilence.objects.count() == 0


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("", 60), ("30m", 30), ("30 min", 30), ("for 4h", 240), ("por 4 h", 240), ("1D", 1440),
        ("30м", 30), ("30 мин.", 30), ("на 4 ч", 240), ("1Д", 1440),
        ("2 hours", 120), ("for 90 minutes", 90), ("por 2 horas", 120), ("1 dia", 1440),
        ("на 3 часа", 180), ("5 дней", 7200),
    ],
)  # fmt: skip
def test_how_long_is_read_in_three_languages(text: str, minutes: int) -> None:
    assert read_length(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["4", "ч", "4 года", "-4h", "4 hh", "for", "на4ч", "4h 4h"])
def test_what_is_no_length_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(BadInput, match="Say for how long"):
        read_length(text)


@pytest.mark.parametrize("line", ["silence storm {pk}", "silence storm", "alert storm 99999999999999999999"])
def test_a_storm_is_not_silenced_and_one_that_cannot_be_is_none(people: People, group: AlertGroup, line: str) -> None:
    assert press(people.bob, people.bobs, line.format(pk=group.pk))[0].startswith("Give the number of")
    assert AlertSilence.objects.count() == 0


@pytest.mark.parametrize(
    "line", ["ack {pk}", "ack undo {pk}", "ack storm 1", "silence {pk} 1h", "subscribe all", "unsubscribe"]
)
def test_a_viewer_only_looks(people: People, group: AlertGroup, viewer: Contact, line: str) -> None:
    assert "do not know this command" in press(viewer, people.bobs, line.format(pk=group.pk))[0]
    group.refresh_from_db()
    assert (group.acked_by, AlertSilence.objects.count(), AlertSubscription.objects.count()) == ("", 0, 1)
    assert "Zero transactions" in press(viewer, people.bobs, f"alert {group.pk}")[0]


@pytest.mark.parametrize(
    "line",
    ["ack {pk}", "silence {pk} 1h", "alert {pk}", "alert", "subscribe all", "unsubscribe", "subscriptions", "oncall"],
)
def test_charlie_is_told_nothing(people: People, group: AlertGroup, line: str) -> None:
    assert "do not know this command" in press(people.charlie, people.group, line.format(pk=group.pk))[0]


def test_details_show_every_label_and_what_happened(people: People, group: AlertGroup, say: Say) -> None:
    press(people.bob, people.bobs, f"ack {group.pk}")
    text = say(people.bob, people.bobs, f"/alert {group.pk}")[0].text
    assert "team: payments" in text
    assert "fires: 1 alert, CRITICAL" in text
    assert "Bob has it" in text
    assert say(people.bob, people.bobs, "/alert 999")[0].text.startswith("There is no alert #999")
    assert f"#{group.pk} Zero transactions" in say(people.bob, people.bobs, "/alert")[0].text


def test_a_chat_subscribes_to_what_fits(people: People, say: Say) -> None:
    MonitoredSystem.objects.create(name="guardian", title="Transaction Guardian")
    said = say(people.bob, people.bobs, "/subscribe critical guardian team=Payments quiet 22:00–07:00")[0].text
    assert said == (
        "This chat is shown: CRITICAL, Transaction Guardian, team=Payments, "
        "quiet 22:00-07:00, except for what is critical"
    )
    row = AlertSubscription.objects.get()
    assert (row.least, row.matchers, str(row.quiet_from)) == ("critical", ["team=Payments"], "22:00:00")
    assert f"#{row.pk} CRITICAL" in say(people.bob, people.bobs, "/subscriptions")[0].text
    assert say(people.bob, people.bobs, f"/unsubscribe {row.pk}")[0].text == "1 subscription removed."
    assert "/subscribe critical" in say(people.bob, people.bobs, "/subscriptions")[0].text


@pytest.mark.parametrize("words", ["loud", "critical 25:00-07:00", "=x", "a b=c", "critical quiet"])
def test_a_wish_that_cannot_be_read_is_explained(people: People, say: Say, words: str) -> None:
    assert say(people.bob, people.bobs, f"/subscribe {words}")[0].text
    assert AlertSubscription.objects.count() == 0
