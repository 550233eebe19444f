"""Where alerts are seen: subscriptions, quiet hours, storms and silences."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from clawsite.core.errors import BadInput, NotAllowed
from runbooks.alerts import clock
from runbooks.alerts.actions import acknowledge_storm
from runbooks.alerts.clock import tick
from runbooks.alerts.matching import parse_matcher
from runbooks.alerts.quiet import quiet_end
from runbooks.alerts.showing import show_group
from runbooks.alerts.silencing import silence
from runbooks.alerts.subscriptions import MOST, subscribe, unsubscribe
from runbooks.alerts.timeline import note
from runbooks.models import AlertGroup, AlertNotice, AlertStorm, AlertSubscription, MonitoredSystem
from sessions_app.models import Card
from tests.runbooks.alerts.deliveries import NOW, One, fire, later
from tests.runbooks.alerts.oncall import policy, responder
from tests.sessions_app.people import People

pytestmark = pytest.mark.django_db

LABELS = {"team": "payments", "set": "[ab]", "service.name": "shop", "page": "/?x=[a]"}


def titles(chat: str) -> set[str]:
    return {card.data["title"] for card in Card.objects.filter(session__chat_id=chat, kind="alert")}


def test_chats_see_what_they_subscribed_to(people: People) -> None:
    MonitoredSystem.objects.create(name="guardian", labels={"system": "guardian"})
    other = MonitoredSystem.objects.create(name="other", labels={"system": "other"})
    subscribe(people.bobs, actor=people.bob.actor, least="critical")
    subscribe(people.alices, actor=people.bob.actor, matchers=["team=pay*", "env!=test"])
    subscribe(people.group, actor=people.bob.actor, system=other)
    fire(One(name="A", labels={"team": "payments", "env": "prod"}))
    fire(One(name="B", severity="warning", labels={"team": "payments", "env": "test"}))
    fire(One(name="C", severity="warning", labels={"system": "other", "team": "web"}))
    assert (titles("bob"), titles("alice"), titles("group")) == ({"A"}, {"A"}, {"C"})


def test_a_group_of_many_teams_is_seen_by_each_of_them(people: People) -> None:
    subscribe(people.bobs, actor=people.bob.actor, least="critical", matchers=["team=payments"])
    subscribe(people.alices, actor=people.bob.actor, matchers=["team!=payments", "team!=web"])
    subscribe(people.group, actor=people.bob.actor, matchers=["team=web"])
    web, payments = (One(name="Down", instance=team, labels={"team": team}) for team in ("web", "payments"))
    fire(web, One(name="Down", instance="x", severity="warning", labels={"team": "payments"}))
    assert (titles("bob"), titles("alice"), titles("group")) == (set(), set(), {"Down"})
    fire(web, payments, at=later(minutes=1))
    assert (titles("bob"), titles("alice")) == ({"Down"}, set())


def test_a_chat_with_two_subscriptions_gets_one_message(people: People) -> None:
    for least in ("critical", "info"):
        subscribe(people.bobs, actor=people.bob.actor, least=least)
    fire()
    assert Card.objects.count() == 1


def test_only_operators_decide_what_a_chat_is_told(people: People) -> None:
    with pytest.raises(NotAllowed):
        subscribe(people.group, actor=people.charlie.actor)
    row = subscribe(people.bobs, actor=people.bob.actor)
    with pytest.raises(NotAllowed):
        unsubscribe(people.bobs, actor=people.charlie.actor, pk=row.pk)
    assert unsubscribe(people.alices, actor=people.alice.actor, pk=row.pk) == 0
    assert unsubscribe(people.bobs, actor=people.bob.actor) == 1


def test_a_chat_has_a_bounded_number_of_subscriptions(people: People) -> None:
    for number in range(MOST):
        subscribe(people.bobs, actor=people.bob.actor, matchers=[f"n={number}"])
    with pytest.raises(BadInput):
        subscribe(people.bobs, actor=people.bob.actor, matchers=["n=more"])
    again = subscribe(people.bobs, actor=people.bob.actor, matchers=["n=1"], quiet=(time(22), time(7)))
    assert again.quiet_from == time(22), "the same wish again is no further one"


def test_the_same_wish_again_is_for_all_rows_that_say_it(people: People) -> None:
    """In the admin pages there may be made two of them."""
    rows = [AlertSubscription.objects.create(session=people.bobs, least="critical") for _ in range(2)]
    again = subscribe(people.bobs, actor=people.bob.actor, least="critical", quiet=(time(22), time(7)))
    assert again in rows
    assert list(AlertSubscription.objects.values_list("quiet_from", flat=True)) == [time(22)] * 2


@pytest.mark.parametrize(
    ("matcher", "fits"),
    [
        ("team=payments", True), ("team=pay*", True), ("team=*", True), ("team!=web", True), ("absent=", True),
        ("absent!=x", True), ("team=Payments", False), ("team!=pay*", False), ("team=", False), ("set=[ab]", True),
        ("service.name=shop", True), ("service.name!=shop", False), ("team=payment?", False), ("page=/?x=[a*", True),
        ("set=[a*", True), ('team="payments"', True),
    ],
)  # fmt: skip
def test_matchers_are_equality_with_stars(matcher: str, fits: bool) -> None:
    assert parse_matcher(matcher).fits(LABELS) is fits


def test_a_matcher_of_many_stars_costs_nothing() -> None:
    assert not parse_matcher("a=" + "*x" * 90 + "y").fits({"a": "x" * 100_000})


@pytest.mark.parametrize(
    ("clock", "end"),
    [("21:59", ""), ("22:00", "07:00"), ("23:00", "07:00"), ("03:00", "07:00"), ("07:00", ""), ("12:00", "")],
)
def test_quiet_hours_go_over_midnight(clock: str, end: str) -> None:
    zone = ZoneInfo("America/Sao_Paulo")
    now = datetime.fromisoformat(f"2026-06-10T{clock}").replace(tzinfo=zone)
    found = quiet_end(now, begins=time(22), ends=time(7), zone=zone)
    assert (found.astimezone(zone).strftime("%H:%M") if found else "") == end


@pytest.mark.parametrize(("day", "hours"), [("2026-03-28", 8), ("2026-10-24", 10)])
def test_quiet_hours_end_by_the_clock_when_clocks_change(day: str, hours: int) -> None:
    zone = ZoneInfo("Europe/Berlin")
    now = datetime.fromisoformat(f"{day}T22:00").replace(tzinfo=zone)
    end = quiet_end(now, begins=time(22), ends=time(7), zone=zone)
    assert end is not None
    assert end.timestamp() - now.timestamp() == hours * 3600


def test_what_is_not_critical_waits_for_the_end_of_quiet_hours(people: People) -> None:
    subscribe(people.bobs, actor=people.bob.actor, quiet=(time(15), time(16)))
    fire(One(name="Slow", severity="warning"))
    fire(One(name="Short", severity="warning"))
    fire(One(name="Down"))
    assert titles("bob") == {"Down"}
    fire(One(name="Short", severity="warning", ends=later(minutes=5)), at=later(minutes=5))
    tick(now=later(minutes=27), since=NOW)
    assert titles("bob") == {"Down"}
    tick(now=later(minutes=28), since=NOW)
    assert titles("bob") == {"Down", "Slow"}
    assert not AlertNotice.objects.filter(group__title="Short").exists()


def test_what_becomes_critical_in_quiet_hours_is_shown_at_once(people: People) -> None:
    subscribe(people.bobs, actor=people.bob.actor, quiet=(time(15), time(16)))
    fire(One(severity="warning"))
    assert Card.objects.count() == 0
    fire(One(severity="warning"), One(instance="b"), at=later(minutes=1))
    assert Card.objects.get().silent is False


def test_a_storm_is_one_message(people: People, shown: AlertSubscription) -> None:
    for number in range(60):
        fire(One(name=f"Alert{number % 12}", labels={"n": str(number)}), at=later(seconds=number), key=f"g{number}")
    assert (Card.objects.filter(kind="alert").count(), AlertGroup.objects.count()) == (10, 60)
    storm = Card.objects.get(kind="alert_storm")
    version = storm.version
    assert (storm.data["groups"], storm.data["firing"], storm.data["others"]) == (50, 50, 4)
    assert storm.silent is False
    assert acknowledge_storm(storm.data["id"], actor=people.bob.actor, now=later(minutes=2)) == 50
    assert acknowledge_storm(storm.data["id"], actor=people.bob.actor, now=later(minutes=2)) == 0
    with pytest.raises(NotAllowed):
        acknowledge_storm(storm.data["id"], actor=people.charlie.actor)
    storm.refresh_from_db()
    assert (storm.data["acked"], storm.version) == (50, version + 1)


def test_after_a_storm_alerts_have_messages_of_their_own_again(shown: AlertSubscription) -> None:
    for number in range(15):
        fire(One(name=f"A{number}"), at=later(seconds=number))
    fire(One(name="Late"), at=later(minutes=3))
    tick(now=later(minutes=9), since=NOW)
    assert AlertStorm.objects.get().ended_at is not None
    storm = Card.objects.get(kind="alert_storm")
    assert (storm.data["over"], storm.data["groups"]) == (True, 6)
    fire(One(name="Calm"), at=later(minutes=10))
    assert "Calm" in titles("bob")
    fire(*[One(name="A14", ends=later(minutes=11))], at=later(minutes=11))
    storm.refresh_from_db()
    assert storm.data["firing"] == 5


def test_a_chat_that_unsubscribed_after_a_storm_gets_no_message_of_what_fires_again(
    people: People, shown: AlertSubscription
) -> None:
    for number in range(12):
        fire(One(name=f"A{number}"), at=later(seconds=number))
    tick(now=later(minutes=9), since=NOW)
    unsubscribe(people.bobs, actor=people.bob.actor)
    fire(One(name="A11", ends=later(minutes=10)), at=later(minutes=10))
    fire(One(name="A11", begins=later(minutes=20)), at=later(minutes=20))
    assert "A11" not in titles("bob")
    assert Card.objects.get(kind="alert_storm").data["firing"] == 2


def test_a_storm_that_no_clock_ended_is_over_when_the_next_alert_comes(shown: AlertSubscription) -> None:
    for number in range(12):
        fire(One(name=f"A{number}"), at=later(seconds=number))
    assert Card.objects.get(kind="alert_storm").data["over"] is False
    fire(One(name="Calm"), at=later(minutes=30))
    assert "Calm" in titles("bob")
    assert Card.objects.get(kind="alert_storm").data["over"] is True


def test_what_fires_again_after_a_storm_has_a_message_of_its_own(people: People, shown: AlertSubscription) -> None:
    policy((9, responder(people.alice)), repeats=0)
    for number in range(14):
        fire(One(name=f"A{number}"), at=later(seconds=number))
    tick(now=later(minutes=10), since=NOW)
    called = people.alice.external_id
    assert "A13" not in titles("bob") | titles(called)
    assert Card.objects.filter(kind="alert_storm").count() == 2
    fire(One(name="A13", ends=later(minutes=13)), at=later(minutes=13))
    fire(One(name="A13", begins=later(minutes=20)), at=later(minutes=20))
    assert "A13" in titles("bob")
    assert Card.objects.get(kind="alert_storm", session=people.bobs).data["groups"] == 3
    tick(now=later(minutes=29), since=NOW)
    assert "A13" in titles(called)


def test_a_storm_that_began_silently_rings_for_the_first_that_is_critical(shown: AlertSubscription) -> None:
    for number in range(11):
        fire(One(name=f"A{number}", severity="warning"), at=later(seconds=number))
    assert Card.objects.get(kind="alert_storm").silent is True
    Card.objects.update(ring="", changed=False)
    fire(One(name="Down"), at=later(seconds=20))
    storm = Card.objects.get(kind="alert_storm")
    assert (storm.ring, storm.silent) == ("move", False)
    fire(One(name="Slow", severity="warning"), at=later(seconds=21))
    storm.refresh_from_db()
    assert (storm.ring, storm.silent) == ("move", False)  # it was not sent yet


def test_what_becomes_critical_rings_among_many_that_made_no_sound(shown: AlertSubscription) -> None:
    for number in range(10):
        fire(One(name=f"A{number}", severity="warning"), at=later(seconds=number))
    Card.objects.update(ring="", changed=False)
    fire(One(name="A3", severity="warning"), One(name="A3", instance="b"), at=later(seconds=30))
    card = Card.objects.get(data__title="A3")
    assert (card.ring, card.silent) == ("move", False)


def test_after_a_night_full_of_alerts_the_chat_stays_readable(people: People) -> None:
    subscribe(people.bobs, actor=people.bob.actor, quiet=(time(15), time(16)))
    for number in range(30):
        fire(One(name=f"A{number}", severity="warning"), at=later(seconds=20 * number))
    assert Card.objects.count() == 0
    tick(now=later(minutes=28), since=NOW)
    assert (Card.objects.filter(kind="alert").count(), Card.objects.filter(kind="alert_storm").count()) == (10, 1)
    assert Card.objects.get(kind="alert_storm").data["groups"] == 20


def test_a_chat_that_unsubscribed_in_the_night_hears_nothing_of_it(people: People) -> None:
    subscribe(people.bobs, actor=people.bob.actor, quiet=(time(15), time(16)))
    fire(One(severity="warning"))
    unsubscribe(people.bobs, actor=people.bob.actor)
    tick(now=later(minutes=28), since=NOW)
    assert (Card.objects.count(), AlertNotice.objects.count()) == (0, 0)


def test_a_chat_that_unsubscribed_sees_changes_but_does_not_ring(people: People, shown: AlertSubscription) -> None:
    fire()
    Card.objects.update(ring="", changed=False)
    unsubscribe(people.bobs, actor=people.bob.actor)
    fire(reason="repeat interval elapsed", at=later(hours=4))
    fire(One(ends=later(hours=5)), at=later(hours=5))
    assert Card.objects.get().data["state"] == "resolved"
    fire(One(begins=later(hours=5, minutes=9)), at=later(hours=5, minutes=9))
    card = Card.objects.get()
    assert (card.data["state"], card.data["openings"], card.ring) == ("firing", 2, "")


def test_whom_an_earlier_version_called_hears_of_it_as_well(people: People, shown: AlertSubscription) -> None:
    fire()
    note(AlertGroup.objects.get().pk, "escalated", "step", "bob", at=later(minutes=5), round=1)  # nothing of the chat
    unsubscribe(people.bobs, actor=people.bob.actor)
    Card.objects.update(ring="", changed=False)
    fire(reason="repeat interval elapsed", at=later(hours=4))
    assert Card.objects.get().ring == "move"


def test_a_silence_outlives_the_end_and_a_new_beginning(people: People, shown: AlertSubscription) -> None:
    fire()
    silence(AlertGroup.objects.get().pk, length=timedelta(hours=4), actor=people.bob.actor, now=NOW)
    fire(One(ends=later(minutes=5)), at=later(minutes=5))
    fire(One(begins=later(hours=2)), at=later(hours=2))
    newest = Card.objects.order_by("-id").first()
    assert newest is not None
    assert (newest.silent, newest.data["silence"]["state"]) == (True, "local")
    tick(now=later(hours=4), since=later(hours=4))
    newest.refresh_from_db()
    assert "silence" not in newest.data


def test_a_held_alert_that_cannot_be_shown_keeps_no_other_waiting(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(people.bobs, actor=people.bob.actor, quiet=(time(0, 0), time(23, 59)))
    for name in ("A", "B"):
        fire(One(name=name, severity="warning"))

    def fail(group: AlertGroup, **kwargs: Any) -> None:
        if group.title == "A":
            raise OSError("broken")
        show_group(group, **kwargs)

    monkeypatch.setattr(clock, "show_group", fail)
    AlertSubscription.objects.update(quiet_from=None)
    tick(now=later(hours=20), since=NOW)
    assert titles("bob") == {"B"}


def test_a_reminder_that_is_delivered_twice_rings_once(shown: AlertSubscription) -> None:
    fire()
    for seconds in (0, 5):
        Card.objects.update(ring="", changed=False)
        fire(One(), at=later(hours=4, seconds=seconds), reason="repeat interval elapsed")
        assert Card.objects.get().ring == ("move" if not seconds else "")


def test_many_that_ring_again_within_a_minute_do_not_all_move(shown: AlertSubscription) -> None:
    for number in range(15):
        fire(One(name=f"A{number}"), at=later(minutes=2 * number))
    Card.objects.update(ring="", changed=False)
    for number in range(15):
        fire(One(name=f"A{number}"), at=later(hours=5, seconds=number), reason="repeat interval elapsed")
    assert Card.objects.filter(ring="move").count() == 10
