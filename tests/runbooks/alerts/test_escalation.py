"""Nobody took it on: who is called when, once, by the policy as it was, until somebody does."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import OperationalError

from bots.alerts.timeline import describe_event
from runbooks.alerts import escalating
from runbooks.alerts.actions import AlreadyDone, acknowledge, release
from runbooks.alerts.clock import tick
from runbooks.alerts.escalating import take_due_steps, take_step
from runbooks.alerts.silencing import silence, undo
from runbooks.alerts.subscriptions import subscribe
from runbooks.models import AlertGroup, Escalation, EscalationPolicy, EscalationStep, Responder, Rota
from sessions_app.models import Card, Channel, Contact
from tests.runbooks.alerts.deliveries import One, fire, later
from tests.runbooks.alerts.oncall import policy, responder, shift
from tests.sessions_app.people import People

pytestmark = pytest.mark.django_db


@pytest.fixture
def standard(people: People) -> EscalationPolicy:
    """Bob after 5 minutes, Alice 10 minutes later, once more from the beginning."""
    return policy((5, responder(people.bob)), (10, responder(people.alice)), repeats=1)


def called(group: AlertGroup | None = None) -> list[tuple[str, str]]:
    """Return who was called, and what kept the clock from calling."""
    events = (group or AlertGroup.objects.get()).events.filter(kind__in=["escalated", "skipped", "escalation_ended"])
    return [(event.kind, event.actor) for event in events]


def walk(minutes: int) -> None:
    """Let the clock tick, minute by minute."""
    for minute in range(minutes + 1):
        tick(now=later(minutes=minute), since=later())


def test_steps_come_in_time_and_round_by_round_and_then_it_ends(standard: EscalationPolicy) -> None:
    fire()
    walk(4)
    assert called() == []
    walk(5)
    assert called() == [("escalated", "bob")]
    walk(60)
    assert called() == [("escalated", who) for who in ("bob", "alice", "bob", "alice")] + [("escalation_ended", "")]
    assert Escalation.objects.get().state == "done"


def test_the_call_is_a_message_that_rings_in_the_persons_own_chat(standard: EscalationPolicy, people: People) -> None:
    fire(One(severity="critical"))
    assert Card.objects.count() == 0
    walk(15)
    cards = {card.session.chat_id: card for card in Card.objects.select_related("session")}
    assert set(cards) == {people.bob.external_id, people.alice.external_id}
    assert not any(card.silent for card in cards.values())
    assert all(card.data["told"]["name"] == "alice" for card in cards.values())


def test_taking_it_on_stops_the_clock_and_letting_go_starts_it_anew(standard: EscalationPolicy, people: People) -> None:
    fire()
    walk(5)
    group = AlertGroup.objects.get()
    acknowledge(group.pk, actor=people.bob.actor, now=later(minutes=6))
    walk(30)
    assert called() == [("escalated", "bob")]
    release(group.pk, actor=people.bob.actor, now=later(minutes=40))
    take_due_steps(now=later(minutes=45))
    assert called() == [("escalated", "bob")] * 2


@pytest.mark.parametrize("end", ["resolved", "silenced"])
def test_its_end_or_a_silence_stops_the_clock(standard: EscalationPolicy, people: People, end: str) -> None:
    fire()
    if end == "resolved":
        fire(One(ends=later(minutes=2)), at=later(minutes=2))
    else:
        silence(AlertGroup.objects.get().pk, length=timedelta(hours=1), actor=people.bob.actor, now=later(minutes=2))
    walk(30)
    assert called() == []
    assert Escalation.objects.get().why == end


def test_a_policy_that_is_changed_does_not_change_what_runs(standard: EscalationPolicy) -> None:
    fire()
    EscalationStep.objects.update(after_minutes=999)
    EscalationPolicy.objects.update(enabled=False, repeats=5)
    walk(60)
    assert [who for _, who in called()][:4] == ["bob", "alice", "bob", "alice"]
    standard.delete()
    fire(One(name="Other"), at=later(minutes=61))
    assert Escalation.objects.count() == 1


def test_who_is_on_call_is_asked_when_the_step_comes(people: People) -> None:
    rota = Rota.objects.create(name="night", time_zone="UTC")
    shift(rota, responder(people.alice), "15:00", "15:40")
    shift(rota, responder(people.bob), "15:40", "16:00")
    policy((5, rota), (10, rota), (60, rota), repeats=0)
    fire()  # at 15:32
    walk(90)
    assert called() == [("escalated", "alice"), ("escalated", "bob"), ("skipped", ""), ("escalation_ended", "")]


def test_who_was_shut_out_is_not_called(standard: EscalationPolicy, people: People) -> None:
    Contact.objects.filter(pk=people.bob.pk).update(state="blocked")
    fire()
    walk(10)
    assert called() == [("skipped", "bob"), ("escalated", "alice")]


def test_who_cannot_be_reached_keeps_nobody_else_from_being_called(people: People) -> None:
    away = Contact.objects.create(
        channel=Channel.objects.create(kind="telegram", name="off", enabled=False),
        external_id="9", name="Dora", state="approved", role="operator",
    )  # fmt: skip
    policy((5, responder(away)), (10, responder(people.alice)), repeats=0)
    fire()
    walk(6)
    assert called() == [("skipped", "dora"), ("escalated", "alice"), ("escalation_ended", "")]
    event = AlertGroup.objects.get().events.get(kind="skipped")
    assert describe_event(event, UTC) == "nobody called for dora: the channel is switched off"


def test_a_reminder_waits_for_the_end_of_a_persons_quiet_hours(people: People) -> None:
    policy((5, responder(people.bob, quiet_from=time(16), quiet_until=time(20))), repeats=0, least="warning")
    fire(One(name="Slow", severity="warning"), One(name="Slow", instance="b", severity="warning"))
    fire(One(name="Down"))
    for group in AlertGroup.objects.all():
        acknowledge(group.pk, actor=people.bob.actor, now=later())
    for minutes in range(0, 300, 10):
        tick(now=later(minutes=minutes), since=later(minutes=minutes))
    slow, down = (AlertGroup.objects.get(title=name) for name in ("Slow", "Down"))
    assert [event.at for event in slow.events.filter(kind="reminded")] == [later(minutes=270)]
    assert [event.at for event in down.events.filter(kind="reminded")] == [later(hours=n) for n in range(1, 5)]


def test_quiet_hours_of_a_person_hold_for_what_is_not_critical(people: People) -> None:
    who = responder(people.bob, quiet_from=time(15), quiet_until=time(18))
    policy((5, who), repeats=0, least="warning")
    fire(One(name="Slow", severity="warning"))
    fire(One(name="Down", severity="critical"))
    walk(5)
    slow, down = (AlertGroup.objects.get(title=name) for name in ("Slow", "Down"))
    assert called(slow)[0] == ("skipped", "bob")
    assert called(down)[0] == ("escalated", "bob")


def test_a_policy_for_labels_looks_at_each_alert(people: People) -> None:
    policy((5, responder(people.bob)), name="payments", matchers=["team=payments"])
    fire(*(One(instance=team, labels={"team": team}) for team in ("web", "payments")))
    assert Escalation.objects.get().policy == "payments"


def test_an_alert_that_joins_a_group_is_escalated_where_nothing_was(people: People) -> None:
    policy((5, responder(people.bob)), name="payments", matchers=["team=payments"], repeats=0)
    web, payments = (One(instance=team, labels={"team": team}) for team in ("web", "payments"))
    fire(web)
    assert not Escalation.objects.exists()
    fire(web, payments, at=later(minutes=10))
    walk(20)
    assert called() == [("escalated", "bob"), ("escalation_ended", "")]
    third = One(instance="c", labels={"team": "payments"})
    fire(web, payments, third, at=later(minutes=30))
    assert Escalation.objects.count() == 1


def test_the_first_policy_that_fits_is_taken(people: People) -> None:
    alice, bob = responder(people.alice), responder(people.bob)
    policy((1, alice), name="payments", order=1, matchers=["team=payments"], repeats=0)
    policy((1, bob), name="others", order=2, repeats=0)
    fire(One(name="A", labels={"team": "payments"}))
    fire(One(name="B", labels={"team": "web"}))
    fire(One(name="C", severity="warning"))
    found = {row.group.title: row.policy for row in Escalation.objects.select_related("group")}
    assert found == {"A": "payments", "B": "others"}


def test_a_group_that_becomes_critical_is_escalated_then(standard: EscalationPolicy) -> None:
    fire(One(severity="warning"))
    assert Escalation.objects.count() == 0
    fire(One(severity="warning"), One(instance="b"), at=later(minutes=3))
    assert Escalation.objects.get().next_at == later(minutes=8)


def test_a_step_is_taken_once_whoever_looks(standard: EscalationPolicy) -> None:
    fire()
    pk, now = Escalation.objects.get().pk, later(minutes=5)
    assert [take_step(pk, now=now) for _ in range(3)] == [True, False, False]


def test_a_worker_that_fails_at_a_step_which_another_has_taken_changes_nothing(
    standard: EscalationPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    fire()
    takes = escalating.take_step

    def lose(pk: int, *, now: datetime) -> bool:
        takes(pk, now=now)  # as another worker does, in whose way this one is
        raise OperationalError("deadlock detected")

    monkeypatch.setattr(escalating, "take_step", lose)
    take_due_steps(now=later(minutes=5))
    row = Escalation.objects.get()
    assert (row.step, row.failures, row.next_at) == (1, 0, later(minutes=15))


def test_a_step_that_cannot_be_taken_keeps_no_other_waiting(standard: EscalationPolicy) -> None:
    fire(One(name="A"))
    fire(One(name="B"))
    Escalation.objects.filter(group__title="A").update(steps=[{"after_minutes": 1}])
    assert take_due_steps(now=later(minutes=5)) == 1
    assert called(AlertGroup.objects.get(title="B")) == [("escalated", "bob")]


def test_who_has_it_is_reminded_five_times_at_most(standard: EscalationPolicy, people: People) -> None:
    fire()
    group = AlertGroup.objects.get()
    acknowledge(group.pk, actor=people.bob.actor, now=later())
    for hour in range(1, 12):
        tick(now=later(hours=hour), since=later(hours=hour))
        tick(now=later(hours=hour), since=later(hours=hour))
    group.refresh_from_db()
    assert (group.reminders, group.remind_at) == (5, None)
    assert [event.at for event in group.events.filter(kind="reminded")] == [later(hours=n) for n in range(1, 6)]
    card = Card.objects.get(session__chat_id=people.bob.external_id)
    assert not card.silent


def test_two_presses_at_once_take_it_on_once(people: People, standard: EscalationPolicy) -> None:
    fire()
    pk = AlertGroup.objects.get().pk
    acknowledge(pk, actor=people.bob.actor)
    with pytest.raises(AlreadyDone) as refused:
        acknowledge(pk, actor=people.alice.actor)
    assert refused.value.name == "Bob"


def test_a_press_that_crosses_the_end_changes_nothing(people: People, standard: EscalationPolicy) -> None:
    fire()
    fire(One(ends=later(minutes=1)), at=later(minutes=1))
    group = AlertGroup.objects.get()
    with pytest.raises(AlreadyDone):
        acknowledge(group.pk, actor=people.bob.actor)
    group.refresh_from_db()
    assert (group.state, group.acked_by) == ("resolved", "")


def test_who_is_gone_from_a_frozen_step_is_left_out(standard: EscalationPolicy) -> None:
    fire()
    Responder.objects.filter(name="bob").delete()
    walk(10)
    assert called() == [("skipped", ""), ("escalated", "alice")]


def test_a_step_that_reaches_nobody_does_not_keep_the_next_one_waiting(standard: EscalationPolicy) -> None:
    Responder.objects.filter(name="bob").update(enabled=False)
    fire()
    for _ in range(2):
        take_due_steps(now=later(minutes=5))
    assert called() == [("skipped", ""), ("escalated", "alice")]
    take_due_steps(now=later(minutes=9))
    assert called() == [("skipped", ""), ("escalated", "alice")]


def test_who_is_called_for_many_groups_at_once_gets_a_storm(standard: EscalationPolicy, people: People) -> None:
    for number in range(30):
        fire(One(name=f"A{number}"))
    take_due_steps(now=later(minutes=5))
    cards = Card.objects.filter(session__chat_id=people.bob.external_id)
    assert (cards.filter(kind="alert").count(), cards.filter(kind="alert_storm").count()) == (10, 1)
    assert not any(card.silent for card in cards)
    assert AlertGroup.objects.filter(events__kind="escalated").count() == 30


def test_when_nobody_answered_the_chats_ring_once_more(standard: EscalationPolicy, people: People) -> None:
    subscribe(people.group, actor=people.bob.actor)
    fire()
    Card.objects.update(ring="", changed=False)
    walk(19)
    assert Card.objects.get(session=people.group).ring == ""
    walk(30)
    assert Card.objects.get(session=people.group).ring == "move"


def test_what_fires_on_after_a_silence_is_escalated_from_the_beginning(
    standard: EscalationPolicy, people: People
) -> None:
    fire()
    group = AlertGroup.objects.get()
    silence(group.pk, length=timedelta(hours=1), actor=people.bob.actor, now=later(minutes=2))
    walk(59)
    assert called() == []
    walk(70)
    assert called() == [("escalated", "bob")]


def test_what_is_let_go_of_in_a_silence_is_escalated_from_the_beginning_after_it(
    standard: EscalationPolicy, people: People
) -> None:
    fire()
    group = AlertGroup.objects.get()
    acknowledge(group.pk, actor=people.bob.actor, now=later(minutes=1))
    silence(group.pk, length=timedelta(minutes=10), actor=people.bob.actor, now=later(minutes=2))
    release(group.pk, actor=people.bob.actor, now=later(minutes=3))
    walk(16)
    assert called() == []
    walk(17)
    assert called() == [("escalated", "bob")]


def test_who_was_called_rings_with_the_reminders_of_alertmanager(standard: EscalationPolicy, people: People) -> None:
    fire()
    walk(5)
    Card.objects.update(ring="", changed=False)
    fire(reason="repeat interval elapsed", at=later(hours=4))
    assert Card.objects.get(session__chat_id=people.bob.external_id).ring == "move"


def test_a_silence_that_is_taken_back_or_fails_lets_the_escalation_go_on(
    standard: EscalationPolicy, people: People
) -> None:
    fire()
    group = AlertGroup.objects.get()
    row = silence(group.pk, length=timedelta(hours=1), actor=people.bob.actor, now=later(minutes=2))
    undo(row.pk, actor=people.bob.actor, now=later(minutes=3))
    assert group.escalations.filter(state="running").count() == 1
    silence(group.pk, length=timedelta(hours=1), actor=people.bob.actor, now=later(minutes=4))
    acknowledge(group.pk, actor=people.bob.actor, now=later(minutes=5))
    walk(90)
    assert called() == []


def test_what_gets_worse_is_escalated_by_the_policy_for_that(people: People) -> None:
    policy((5, responder(people.bob)), name="at once", least="critical")
    policy((600, responder(people.alice)), name="some time", least="warning")
    fire(One(severity="warning"))
    assert Escalation.objects.get().policy == "some time"
    fire(One(severity="warning"), One(instance="b", severity="critical"), at=later(minutes=1))
    assert [(row.policy, row.state) for row in Escalation.objects.order_by("pk")] == [
        ("some time", "stopped"),
        ("at once", "running"),
    ]
    fire(One(severity="critical"), One(instance="b", severity="critical"), at=later(minutes=2))
    assert Escalation.objects.count() == 2
