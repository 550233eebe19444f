"""Rounds: a trouble must last to be told, must be gone to be over, and does not flap."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from clawsite.models import SelfAlert
from clawsite.ops.selfalerts.findings import CRITICAL, WARNING, Check, Finding
from clawsite.ops.selfalerts.rounds import Watch, open_alerts

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 26, 12, tzinfo=timezone.get_fixed_timezone(0))


class World:
    """What is wrong, and a clock that both the watch and the rows go by."""

    def __init__(self, *, seconds: float = 30.0) -> None:
        self.wrong: list[Finding] = []
        self.is_broken = False
        self.passed = 0.0
        self.watch = Watch([Check(name="disk", find=self.find, seconds=seconds)], clock=lambda: self.passed)

    def find(self, now: datetime) -> Iterator[Finding]:
        if self.is_broken:
            raise OSError("no such disk")
        yield from self.wrong

    def look(self, after: float = 0.0) -> int:
        self.passed += after
        return self.watch.round(START + timedelta(seconds=self.passed))


TROUBLE = Finding(check="disk", severity=WARNING, data={"free": 1})


def test_a_trouble_is_told_when_it_has_lasted() -> None:
    world = World()
    world.wrong = [TROUBLE]
    assert [world.look(), world.look(15), world.look(14), world.look(1)] == [0, 0, 0, 1]
    assert world.look(15) == 1, "it is opened once"
    row = SelfAlert.objects.get()
    assert (row.check_name, row.severity, row.data, row.returns) == ("disk", "warning", {"free": 1}, 0)


def test_what_comes_and_goes_is_not_told() -> None:
    world = World()
    for wrong in ([TROUBLE], [], [TROUBLE], [], [TROUBLE]):
        world.wrong = wrong
        assert world.look(20) == 0


def test_it_is_over_when_it_has_been_gone_for_a_minute() -> None:
    world = World(seconds=0)
    world.wrong = [TROUBLE]
    assert world.look() == 1
    world.wrong = []
    assert [world.look(15), world.look(30), world.look(15)] == [1, 1, 0]
    assert SelfAlert.objects.get().closed_at == START + timedelta(seconds=60)


def test_what_is_soon_back_goes_on_in_its_old_row_and_has_to_be_gone_for_longer() -> None:
    world = World(seconds=0)
    for _ in range(3):
        world.wrong = [TROUBLE]
        assert world.look(15) == 1
        world.wrong = []
        assert world.look(300) == 0
    assert SelfAlert.objects.get().returns == 2
    world.wrong = [TROUBLE]
    world.look(15)
    world.wrong = []
    assert world.look(300) == 1, "eight minutes now"
    assert world.look(200) == 0
    world.wrong = [TROUBLE]
    world.look(601)
    assert SelfAlert.objects.count() == 2, "much later it is another trouble"


def test_a_check_that_cannot_be_made_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    world = World(seconds=0)
    world.wrong = [TROUBLE]
    world.look()
    world.is_broken = True
    assert world.look(600) == 1
    assert "the check disk" in caplog.text


def test_what_becomes_worse_is_told_anew() -> None:
    world = World(seconds=0)
    world.wrong = [TROUBLE]
    world.look()
    SelfAlert.objects.update(chats="open", mail="open")
    world.look(15)
    assert open_alerts().get().chats == "open"
    world.wrong = [Finding(check="disk", severity=CRITICAL)]
    world.look(15)
    row = open_alerts().get()
    assert (row.severity, row.chats, row.mail) == ("critical", "", "")


def test_what_wavers_at_the_border_is_told_once() -> None:
    world = World(seconds=0)
    for severity, told in ((CRITICAL, ""), (WARNING, "open"), (CRITICAL, "open")):
        world.wrong = [Finding(check="disk", severity=severity)]
        world.look(15)
        row = open_alerts().get()
        assert (row.severity, row.chats, row.mail) == ("critical", told, told)
        SelfAlert.objects.update(chats="open", mail="open")


def test_what_comes_back_worse_is_told_anew() -> None:
    world = World(seconds=0)
    world.wrong = [TROUBLE]
    world.look()
    world.wrong = []
    world.look(90)
    SelfAlert.objects.update(chats="closed", mail="closed")
    world.wrong = [Finding(check="disk", severity=CRITICAL)]
    world.look(15)
    row = open_alerts().get()
    assert (row.returns, row.severity, row.chats, row.mail) == (1, "critical", "", "")


def test_two_subjects_of_a_check_are_two_troubles() -> None:
    world = World(seconds=0)
    world.wrong = [Finding(check="disk", subject="a"), Finding(check="disk", subject="b")]
    assert world.look() == 2
