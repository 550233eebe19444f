"""The time of day jumps: the living are not taken for dead, and the dead are found out all the same."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from clawsite.core import clock
from clawsite.core.clock import CALM_SECONDS, Offset, Patience, bring_back_beats, silent_since
from clawsite.core.leases import take_lease
from clawsite.core.models import Process
from clawsite.core.process import beat, register_process

HOUR = 3600.0


class Clocks:
    """Both clocks of a machine."""

    def __init__(self) -> None:
        self.passed, self.day = 0.0, 1_000_000.0

    def go(self, seconds: float, *, jump: float = 0.0) -> None:
        """Let time pass; the time of day may jump meanwhile."""
        self.passed += seconds
        self.day += seconds + jump

    def patience(self) -> Patience:
        """Return one that goes by these."""
        return Patience(clock=lambda: self.passed, wall=lambda: self.day)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    """The clocks by which leases go."""
    made = Clocks()
    monkeypatch.setattr(clock, "_patience", made.patience())
    monkeypatch.setattr(clock, "_ahead", clock.Ahead(clock=lambda: made.passed))
    return made


def test_only_a_clock_that_is_moved_has_moved() -> None:
    clocks = Clocks()
    offset = Offset(clock=lambda: clocks.passed, wall=lambda: clocks.day)
    found = []
    for jump in (0.0, 0.5, HOUR, 0.0, -25 * HOUR):
        clocks.go(10, jump=jump)
        found.append(offset.moved())
    assert found == [0.0, 0.0, HOUR, 0.0, -25 * HOUR]


def test_a_jump_forward_counts_for_a_moment_and_one_back_not_at_all() -> None:
    clocks = Clocks()
    patience = clocks.patience()
    clocks.go(1, jump=HOUR)
    assert patience.seconds() == HOUR
    clocks.go(1, jump=24 * HOUR)
    assert patience.seconds() == 25 * HOUR
    clocks.go(CALM_SECONDS - 1, jump=-HOUR)
    assert patience.seconds() == 25 * HOUR
    clocks.go(1)
    assert patience.seconds() == 0.0


@pytest.mark.django_db
@pytest.mark.parametrize("hours", [1, 25])
def test_after_a_jump_forward_nobody_takes_what_a_living_process_holds(
    clocks: Clocks, settings: Settings, hours: int
) -> None:
    other = Process.objects.create(role="bots", host="elsewhere", pid=1, started=1)
    mine = register_process("bots")
    assert take_lease("lane:1", process_id=other.pk)
    # A second after its last beat the clock jumps: that beat seems to be an hour old.
    Process.objects.filter(pk=other.pk).update(beat_at=timezone.now() - timedelta(hours=hours, seconds=1))
    clocks.go(1, jump=hours * HOUR)
    assert take_lease("lane:1", process_id=mine.pk) is None
    # It goes on beating, or its lease is free after two lives of a lease at the latest.
    clocks.go(settings.CLAW_LEASE_SECONDS)
    assert take_lease("lane:1", process_id=mine.pk)


@pytest.mark.django_db
def test_after_a_jump_back_the_dead_lose_their_leases_and_the_living_keep_them(
    clocks: Clocks, settings: Settings
) -> None:
    ahead = timezone.now() + timedelta(hours=1)
    dead, living = (
        Process.objects.create(role="bots", host="elsewhere", pid=pid, started=1, beat_at=ahead) for pid in (1, 2)
    )
    mine = register_process("bots")
    assert take_lease("of the dead", process_id=dead.pk)
    assert take_lease("of the living", process_id=living.pk)
    clocks.go(1, jump=-HOUR)
    assert bring_back_beats() == 0
    # A machine whose clock goes before ours beats on.
    Process.objects.filter(pk=living.pk).update(beat_at=ahead + timedelta(seconds=1))
    clocks.go(settings.CLAW_LEASE_SECONDS)
    assert [bring_back_beats(), bring_back_beats()] == [1, 0]
    assert Process.objects.get(pk=living.pk).beat_at > ahead, "it would take its own for dead"
    assert take_lease("of the dead", process_id=mine.pk) is None
    # So much time passes that it has been silent for the life of a lease; the other one has beaten.
    Process.objects.filter(pk=dead.pk).update(beat_at=silent_since() - timedelta(seconds=1))
    assert beat(living.pk)
    assert take_lease("of the dead", process_id=mine.pk)
    assert take_lease("of the living", process_id=mine.pk) is None


@pytest.mark.django_db
def test_a_clock_that_goes_a_little_before_ours_is_left_alone(clocks: Clocks, settings: Settings) -> None:
    a_little = timezone.now() + timedelta(seconds=settings.CLAW_LEASE_SECONDS / 2)
    Process.objects.create(role="bots", host="elsewhere", pid=1, started=1, beat_at=a_little)
    assert bring_back_beats() == 0
    clocks.go(settings.CLAW_LEASE_SECONDS)
    assert bring_back_beats() == 0
