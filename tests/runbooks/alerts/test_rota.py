"""Whose turn it is: night shifts, rotations, swaps, gaps, and both days of daylight saving."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError

from clawsite.core.errors import BadInput, NotAllowed
from runbooks.alerts.rota import Turn, find_next, find_on_call, list_turns
from runbooks.alerts.swaps import take_over
from runbooks.models import Responder, Rota, Shift, Swap
from tests.runbooks.alerts.oncall import responder, shift
from tests.sessions_app.people import People

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def rota(people: People) -> Rota:
    """Alice by day, Bob by night, in Berlin."""
    made = Rota.objects.create(name="platform", time_zone="Europe/Berlin")
    shift(made, responder(people.alice), "08:00", "20:00")
    shift(made, responder(people.bob), "20:00", "08:00")
    return made


def at(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def who(rota: Rota, moment: datetime) -> str:
    turn = find_on_call(rota, moment)
    return str(turn.responder) if turn else ""


@pytest.mark.parametrize(
    ("clock", "name"),
    [("08:00", "alice"), ("19:59", "alice"), ("20:00", "bob"), ("23:59", "bob"), ("00:00", "bob"), ("07:59", "bob")],
)
def test_a_night_shift_goes_over_midnight(rota: Rota, clock: str, name: str) -> None:
    assert who(rota, at(f"2026-06-10T{clock}")) == name


@pytest.mark.parametrize(
    ("evening", "hours"),
    [("2026-03-28", 11), ("2026-10-24", 13), ("2026-06-10", 12)],
    ids=["spring", "autumn", "other"],
)
def test_the_night_is_an_hour_shorter_or_longer_when_clocks_change(rota: Rota, evening: str, hours: int) -> None:
    turn = find_on_call(rota, at(f"{evening}T23:00"))
    assert turn is not None
    assert turn.ends_at - turn.starts_at == timedelta(hours=hours)


@pytest.mark.parametrize("day", ["2026-03-28", "2026-10-24"])
def test_nobody_is_missing_in_any_minute_of_the_days_on_which_clocks_change(rota: Rota, day: str) -> None:
    start = at(f"{day}T12:00")
    turns = list_turns(rota, start=start, end=start + timedelta(days=2))
    assert turns[0].starts_at == start
    assert turns[-1].ends_at == start + timedelta(days=2)
    assert all(first.ends_at == second.starts_at for first, second in pairwise(turns))


@pytest.mark.parametrize(("begins", "ends"), [("02:30", "10:00"), ("22:00", "02:30")])
def test_a_shift_that_meets_the_hour_that_is_skipped_or_repeated_happens_once(
    people: People, begins: str, ends: str
) -> None:
    made = Rota.objects.create(name="odd", time_zone="Europe/Berlin")
    shift(made, responder(people.alice), begins, ends)
    for day in ("2026-03-28", "2026-10-24"):
        start = at(f"{day}T12:00")
        assert len(list_turns(made, start=start, end=start + timedelta(days=1))) == 1


def test_a_rotation_changes_by_the_week(people: People) -> None:
    made = Rota.objects.create(name="weekly", time_zone="UTC")
    for contact, monday in ((people.alice, date(2026, 6, 1)), (people.bob, date(2026, 6, 8))):
        shift(made, responder(contact), "00:00", "00:00", every_weeks=2, first_day=monday)
    utc = ZoneInfo("UTC")
    names = [who(made, at(f"2026-06-{day:02}T12:00", utc)) for day in (3, 10, 17, 24)]
    assert names == ["alice", "bob", "alice", "bob"]
    assert who(made, at("2026-05-20T12:00", utc)) == ""


def test_a_shift_of_some_days_leaves_gaps_and_ends_with_its_last_day(people: People) -> None:
    made = Rota.objects.create(name="office", time_zone="UTC")
    shift(made, responder(people.alice), "09:00", "17:00", days=["monday"], last_day=date(2026, 6, 8))
    utc = ZoneInfo("UTC")
    assert [who(made, at(f"2026-06-{day:02}T10:00", utc)) for day in (1, 2, 8, 15)] == ["alice", "", "alice", ""]


def test_a_swap_goes_before_shifts_and_the_newest_before_others(rota: Rota, people: People) -> None:
    night = at("2026-06-10T22:00")
    alice, bob = Responder.objects.get(name="alice"), Responder.objects.get(name="bob")
    Swap.objects.create(rota=rota, responder=alice, starts_at=night, ends_at=night + timedelta(hours=4))
    assert [who(rota, night + timedelta(hours=h)) for h in (-1, 0, 3, 4)] == ["bob", "alice", "alice", "bob"]
    Swap.objects.create(rota=rota, responder=bob, starts_at=night, ends_at=night + timedelta(hours=1))
    assert [who(rota, night + timedelta(minutes=m)) for m in (0, 59, 60)] == ["bob", "bob", "alice"]


def test_who_is_switched_off_is_not_called(rota: Rota) -> None:
    Responder.objects.filter(name="bob").update(enabled=False)
    assert who(rota, at("2026-06-10T23:00")) == ""


def test_the_next_turn_is_known(rota: Rota) -> None:
    following = find_next(rota, at("2026-06-10T12:00"))
    assert isinstance(following, Turn)
    assert (str(following.responder), following.starts_at) == ("bob", at("2026-06-10T20:00"))


def test_an_operator_takes_a_turn_over_and_charlie_does_not(rota: Rota, people: People) -> None:
    now = at("2026-06-10T22:00")
    swap = take_over(rota, contact=people.alice, length=timedelta(hours=8), actor=people.alice.actor, now=now)
    assert (who(rota, now), swap.created_by) == ("alice", people.alice.subject)
    with pytest.raises(NotAllowed):
        take_over(rota, contact=people.charlie, length=timedelta(hours=8), actor=people.charlie.actor)
    with pytest.raises(BadInput):
        take_over(rota, contact=people.alice, length=timedelta(days=30), actor=people.alice.actor)


def test_who_was_switched_off_and_takes_a_turn_over_is_called_again(rota: Rota, people: People) -> None:
    hours, now = timedelta(hours=8), at("2026-06-10T12:00")
    first = take_over(rota, contact=people.charlie, length=hours, actor=people.alice.actor, now=now)
    Responder.objects.filter(pk=first.responder_id).update(enabled=False)
    again = take_over(rota, contact=people.charlie, length=hours, actor=people.alice.actor, now=now)
    turn = find_on_call(rota, now)
    assert turn is not None
    assert (turn.responder, again.responder_id) == (first.responder, first.responder_id)


def test_what_cannot_be_is_said_in_the_form(rota: Rota) -> None:
    for row in (
        Rota(name="x", time_zone="Mars/Base"),
        Shift(rota=rota, days=["someday"]),
        Shift(rota=rota, days=[]),
        Swap(rota=rota, starts_at=at("2026-06-10T12:00"), ends_at=at("2026-06-10T12:00")),
    ):
        with pytest.raises(ValidationError):
            row.clean()
