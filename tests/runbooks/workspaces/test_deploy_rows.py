"""The rows of deploys: whoever queues reads those that wait, and old ones go but for what a way back leads over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bots.commands.deploy import _waiting
from runbooks.jobs.actions import SYSTEM
from runbooks.models import Deploy, Environment, Feedback, Job
from runbooks.workspaces.deploys import gates, live_in, queueing, retention
from runbooks.workspaces.deploys.opening import _target
from runbooks.workspaces.deploys.releases import KEPT, LOOKED_AT
from runbooks.workspaces.deploys.retention import clean_deploys
from runbooks.workspaces.manifest import EnvironmentSpec
from tests.runbooks.people import BOB
from tests.runbooks.test_query_plans import explain
from tests.runbooks.workspaces.making import row

pytestmark = pytest.mark.django_db
OLD, YOUNG = 400, 300


@pytest.fixture
def place() -> Environment:
    """An environment of a project that has nothing on the disk."""
    return Environment.objects.create(project=row(), name="staging")


def add(place: Environment, state: str, *, days: float = OLD, **values: Any) -> Deploy:
    """Return a deploy that ended so many days ago, or is open."""
    ended = None if state in queueing.OPEN else timezone.now() - timedelta(days=days)
    values = {"commit": f"{Deploy.objects.count():040x}", "requested_by": BOB.subject, "finished_at": ended} | values
    return Deploy.objects.create(project=place.project, environment=place, state=state, **values)


def line(place: Environment, count: int, *, days: float = OLD) -> list[Deploy]:
    """Return deploys that were live one after the other; the last one still is."""
    rows: list[Deploy] = []
    for number in range(count):
        state = "live" if number == count - 1 else "replaced"
        rows.append(add(place, state, days=days, previous=rows[-1] if rows else None))
    return rows


def job(**values: Any) -> Job:
    return Job.objects.create(kind="deploy", owner=BOB.subject, requested_by=BOB.subject, state="queued", **values)


def there() -> set[int]:
    return set(Deploy.objects.values_list("pk", flat=True))


def test_whose_turn_it_is_takes_one_row(place: Environment, django_assert_num_queries: Any) -> None:
    line(place, 30)
    first, second, ours = (
        add(place, "waiting", job=job(), requested_by=who) for who in (BOB.subject, BOB.subject, SYSTEM.subject)
    )
    add(place, "waiting", job=None)
    with django_assert_num_queries(1) as asked:
        assert queueing._first(place.pk) == ours
    assert asked.captured_queries[0]["sql"].endswith("LIMIT 1")
    assert [queueing.count_before(each) for each in (ours, first, second)] == [0, 1, 2]

    Deploy.objects.filter(pk=second.pk).update(state="running")
    assert queueing._first(place.pk) == second
    Job.objects.filter(pk__in=[second.job_id, ours.job_id]).update(state="failed", ended_at=timezone.now())
    assert queueing._first(place.pk) == first


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda each: queueing._first(each.environment_id), "deploy_by_state"),
        (queueing.count_before, "deploy_by_state"),
        (lambda each: live_in(each.environment), "deploy_live_once"),
        (
            lambda each: gates.check_order(each.project, EnvironmentSpec(after=["staging"]), each.commit),
            "deploy_by_state",
        ),
        (lambda each: _waiting(each.project), "deploy_by_state"),
        (lambda _: clean_deploys(), "deploy_finished"),
    ],
    ids=["turn", "ahead", "live", "order", "to approve", "old"],
)
def test_what_is_past_is_not_read(place: Environment, ask: Callable[[Deploy], object], index: str) -> None:
    live = line(place, 2)[-1]
    plans = explain(lambda: ask(live))
    steps = [step for step in plans if step.split()[1] == "runbooks_deploy"]

    assert steps, plans
    assert all(index in step for step in steps), plans
    assert not any("SCAN" in step for step in plans), plans


def test_a_commit_to_go_back_to_is_asked_for_once(place: Environment, django_assert_num_queries: Any) -> None:
    rows = line(place, 3)
    again = add(place, "replaced", commit=rows[1].commit, previous=rows[0])
    with django_assert_num_queries(1):
        found = _target(place, rows[1].commit.upper())
        assert (found, found.previous) == (again, rows[0])
    with pytest.raises(gates.DeployRefused, match="Several"):
        _target(place, rows[1].commit[:-1])
    with pytest.raises(gates.DeployRefused, match="never live"):
        _target(place, "abcd")


@pytest.mark.sqlite
def test_of_what_was_live_no_other_commit_is_read(place: Environment) -> None:
    rows = line(place, 3)
    plans = explain(lambda: _target(place, rows[1].commit))
    assert any("deploy_by_state" in step and "commit>? AND commit<?" in step for step in plans), plans
    assert not any("SCAN runbooks_deploy" in step or "deploy_of_environment" in step for step in plans), plans


def test_what_never_was_live_goes_by_its_age_alone(place: Environment) -> None:
    kept = {each.pk for each in line(place, 3)}
    for state in ("failed", "rolled_back", "cancelled"):
        add(place, state)
        kept.add(add(place, state, days=YOUNG).pk)
    kept |= {add(place, state, job=job()).pk for state in queueing.OPEN}

    assert clean_deploys() == 3
    assert there() == kept
    assert clean_deploys() == 0


def test_what_was_live_goes_below_the_last_ones(place: Environment) -> None:
    rows = line(place, LOOKED_AT + 3)
    other = line(Environment.objects.create(project=place.project, name="production"), 3)

    assert clean_deploys() == 3
    assert there() == {each.pk for each in rows[3:] + other}
    rows[3].refresh_from_db()
    assert rows[3].previous is None


def test_the_way_back_is_kept_however_far_below_it_is(place: Environment) -> None:
    rows = line(place, LOOKED_AT * 2)
    Deploy.objects.filter(pk=rows[-1].pk).update(previous=rows[KEPT])
    waits = add(place, "waiting", kind="rollback", job=job(), previous=rows[3], commit=rows[4].commit)
    assert clean_deploys() == 0  # 0 is what it would come to at the end

    Deploy.objects.filter(pk=waits.pk).update(state="cancelled", job=None, finished_at=timezone.now())
    assert clean_deploys() == 1
    live = live_in(place)
    for _ in range(KEPT):
        assert live is not None
        live = live.previous
    assert live == rows[1]
    assert _target(place, "") == rows[KEPT]


def test_a_withdrawn_commit_never_counts_as_good_again(place: Environment) -> None:
    rows = line(place, LOOKED_AT + 4)
    bad = {"commit": rows[1].commit}
    Deploy.objects.filter(pk=rows[3].pk).update(state="withdrawn", **bad)
    Deploy.objects.filter(pk=rows[-1].pk).update(previous=rows[1])
    spec = EnvironmentSpec(after=["staging"])

    clean_deploys()
    assert {rows[1].pk, rows[3].pk} <= there()
    with pytest.raises(gates.DeployRefused):
        gates.check_order(place.project, spec, bad["commit"])


def test_a_deploy_outlives_its_job_and_what_hangs_on_that(place: Environment) -> None:
    done = Job.objects.create(
        kind="deploy", owner=BOB.subject, requested_by=BOB.subject, state="failed", ended_at=timezone.now()
    )
    kept = add(place, "failed", job=done)
    Feedback.objects.create(job=done, subject=BOB.subject, good=False)
    assert clean_deploys() == 0

    done.delete()
    assert (clean_deploys(), Feedback.objects.count()) == (1, 0)
    assert kept.pk not in there()


def test_it_goes_a_piece_at_a_time(place: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for _ in range(5):
        add(place, "failed")
    assert clean_deploys(seconds=0) == 0
    assert clean_deploys() == 5
