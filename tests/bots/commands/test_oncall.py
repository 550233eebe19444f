"""Who is on call, asked in a chat, and a turn that is taken over there."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from django.utils import timezone

from bots.cards.times import clock
from runbooks.models import Responder, Rota, Swap
from sessions_app.models import Contact
from tests.bots.commands.conftest import Say
from tests.runbooks.alerts.oncall import responder, shift
from tests.sessions_app.people import People

pytestmark = pytest.mark.django_db


@pytest.fixture
def rota(people: People) -> Rota:
    """Alice, always."""
    made = Rota.objects.create(name="night")
    shift(made, responder(people.alice), "00:00", "00:00")
    return made


@pytest.mark.parametrize("words", ["/oncall", "who is on call?", "Quem está de plantão?", "кто дежурит?"])
def test_who_is_on_call_is_said(people: People, rota: Rota, say: Say, words: str) -> None:
    assert say(people.bob, people.bobs, words)[0].text.startswith("night: alice until ")


def test_a_gap_and_no_rota_are_said_too(people: People, say: Say) -> None:
    assert say(people.bob, people.bobs, "/oncall")[0].text.startswith("There is no rota yet")
    Rota.objects.create(name="empty")
    assert say(people.bob, people.bobs, "/oncall")[0].text == "empty: nobody is on call"


def test_bob_takes_a_turn_over_though_nobody_made_him_a_responder(people: People, rota: Rota, say: Say) -> None:
    assert say(people.bob, people.bobs, "/oncall take night 8h")[0].text.startswith("You are on call for night until")
    assert say(people.bob, people.bobs, "/oncall")[0].text.startswith("night: Bob until ")
    assert "🔁" in say(people.bob, people.bobs, "/oncall")[0].text
    assert (Swap.objects.get().responder.contact, Responder.objects.count()) == (people.bob, 2)
    say(people.bob, people.bobs, "/oncall take night 1h")
    assert Responder.objects.count() == 2


def test_a_viewer_takes_nothing_over(people: People, rota: Rota, say: Say) -> None:
    people.bob.role = Contact.RoleChoice.VIEWER
    people.bob.save()
    assert say(people.bob, people.bobs, "/oncall take night 8h")[0].text.startswith("Only operators")
    assert Swap.objects.count() == 0


def test_until_when_is_until_somebody_else_has_it(people: People, say: Say) -> None:
    made = Rota.objects.create(name="day")
    now = timezone.now().replace(second=0, microsecond=0)
    alice, bob = responder(people.alice), responder(people.bob)
    shift(made, alice, "00:00", "00:00", last_day=(now + timedelta(days=2)).date())
    shift(made, bob, "00:00", "00:00", first_day=(now + timedelta(days=3)).date())
    change = datetime.combine((now + timedelta(days=3)).date(), time(), tzinfo=UTC)
    assert _lines(say, people) == [f"day: alice until {_clock(change)}", f"Next: bob, {_clock(change)}"]

    taken = now + timedelta(minutes=30)
    Swap.objects.create(rota=made, responder=bob, starts_at=taken, ends_at=taken + timedelta(minutes=20))
    assert _lines(say, people) == [f"day: alice until {_clock(taken)}", f"Next: bob, {_clock(taken)}"]


def _lines(say: Say, people: People) -> list[str]:
    return say(people.bob, people.bobs, "/oncall")[0].text.splitlines()


def _clock(moment: datetime) -> str:
    return clock(moment.isoformat(), UTC)


@pytest.mark.parametrize("words", ["take day 8h", "take night soon", "take night 99d", "take"])
def test_a_wish_that_cannot_be_is_explained(people: People, rota: Rota, say: Say, words: str) -> None:
    assert say(people.bob, people.bobs, f"/oncall {words}")[0].text
    assert Swap.objects.count() == 0
