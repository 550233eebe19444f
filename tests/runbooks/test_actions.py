"""Creating, starting, cancelling and finding jobs; who may do what."""

from __future__ import annotations

from typing import Any

import pytest
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from clawsite.core.errors import BadInput, NotAllowed, Unavailable
from clawsite.core.models import AuditEvent
from clawsite.core.queue import count_waiting
from guardrails.types import Actor
from runbooks import jobs
from runbooks.models import Job, JobEvent
from tests.runbooks.people import ALICE, BOB, CHARLIE, VIEWER

pytestmark = pytest.mark.django_db


def make(**more: Any) -> Job:
    return jobs.create_job("selftest", **({"actor": BOB} | more))


def test_a_job_is_created_and_waits_to_be_started() -> None:
    job = make(params={"events": 2})

    assert (job.state, job.owner, job.requested_by, job.last_seq) == ("created", "user:2", "user:2", 0)
    assert job.params == {"events": 2, "pause": 0.1, "size": 0, "park": 0.0, "echo": ""}
    assert count_waiting() == 0


def test_starting_queues_it_once_and_writes_it_down() -> None:
    job = make()

    for _ in range(2):
        job = jobs.start_job(job.key, actor=BOB, origin="gateway")

    assert job.state == "queued"
    assert count_waiting() == 1
    assert [(event.seq, event.kind, event.data) for event in jobs.read_events(job)] == [
        (1, "state", {"state": "queued"})
    ]
    assert list(AuditEvent.objects.order_by("id").values_list("action", "actor", "subject", "origin")) == [
        ("job.create", "user:2", job.ref, ""),
        ("job.start", "user:2", job.ref, "gateway"),
    ]


def test_the_same_key_gives_the_same_job() -> None:
    first = make(idempotency_key="k", start=True, params={"events": 1})
    again = make(idempotency_key="k", start=True, params={"events": 1})

    assert again.pk == first.pk
    assert count_waiting() == 1
    assert make(idempotency_key="k", actor=ALICE).pk != first.pk  # keys are each owner's own
    assert make().pk != make().pk  # and no key is no key


def test_one_owner_fills_their_own_room_and_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runbooks.jobs.actions.MAX_OPEN", 2)
    first = make(idempotency_key="k")
    second = make(start=True)
    with pytest.raises(Unavailable, match="2 jobs of yours that have not ended"):
        make()
    assert make(idempotency_key="k").pk == first.pk
    assert make(actor=ALICE).owner == "user:1"
    jobs.cancel_job(second.key, actor=BOB)
    assert make().state == "created"


def test_the_same_key_with_other_parameters_is_an_error() -> None:
    make(idempotency_key="k", params={"events": 1})

    with pytest.raises(BadInput, match="idempotency key"):
        make(idempotency_key="k", params={"events": 2})


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"params": {"events": "x"}}, r"Expected `int`, got `str` - at `\$.events`"),
        ({"params": {"evnets": 1}}, "unknown field `evnets`"),
        ({"params": {"echo": "a\x00"}}, "NUL"),
        ({"params": {"echo": "\ud800"}}, "halves"),
        ({"params": {"pause": float("nan")}}, "right|without a value"),
        ({"params": {"echo": "a" * 70_000}}, "at most 65536"),
        ({"idempotency_key": "k" * 129}, "128"),
        ({"idempotency_key": "\x00"}, "key"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(more: dict[str, Any], text: str) -> None:
    with pytest.raises(BadInput, match=text):
        make(**more)

    assert not Job.objects.exists()


def test_an_unknown_kind_is_refused_and_those_there_are_named() -> None:
    with pytest.raises(BadInput, match=r"'nope'.*selftest"):
        jobs.create_job("nope", actor=ALICE)


@pytest.mark.parametrize("actor", [CHARLIE, VIEWER])
def test_strangers_and_viewers_may_not_create_start_or_cancel(actor: Actor) -> None:
    job = make()

    with pytest.raises(NotAllowed):
        make(actor=actor)
    for action in (jobs.start_job, jobs.cancel_job, jobs.run_again):
        with pytest.raises(NotAllowed):
            action(job.key, actor=actor)
    assert Job.objects.get().state == "created"


def test_others_jobs_are_absent() -> None:
    job = make()

    answers = set()
    for key in (job.key, "0" * 32, "x" * 500, ""):
        with pytest.raises(NotAllowed) as refused:
            jobs.access_job(key, owner=ALICE.subject)
        answers.add(refused.value.message)
    assert len(answers) == 1
    assert jobs.access_job(job.key, owner=BOB.subject).pk == job.pk
    assert jobs.access_job(job.key, owner=None).pk == job.pk


def test_lists_are_paged_by_key() -> None:
    mine = [make() for _ in range(5)]
    make(actor=ALICE)

    first = jobs.list_jobs(BOB.subject, limit=3)
    rest = jobs.list_jobs(BOB.subject, before=first[-1].pk, limit=3)

    assert [job.pk for job in [*first, *rest]] == [job.pk for job in reversed(mine)]
    assert len(jobs.list_jobs(None)) == 6
    assert jobs.list_jobs(BOB.subject, state="running") == []
    assert len(jobs.list_jobs(None, kind="selftest", state="created", limit=2)) == 2


@pytest.mark.parametrize("start", [False, True])
def test_what_does_not_run_is_cancelled_at_once(start: bool) -> None:
    job = jobs.cancel_job(make(start=start).key, actor=BOB)

    assert (job.state, job.ended_at is not None) == ("cancelled", True)
    assert jobs.read_events(job)[-1].kind == "end"
    assert jobs.read_events(job)[-1].data == {"state": "cancelled"}
    assert jobs.start_job(job.key, actor=BOB).state == "cancelled"
    assert JobEvent.objects.filter(job=job, kind="end").count() == 1


def test_the_row_of_the_wire() -> None:
    job = make()
    row = jobs.describe(job)

    assert row == {
        "id": job.key,
        "kind": "selftest",
        "state": "created",
        "createdAtMs": int(job.created_at.timestamp() * 1000),
        "requestedBy": "user:2",
        "attempts": 0,
        "lastSeq": 0,
    }


def test_the_queue_carries_the_id_and_nothing_else() -> None:
    job = make(start=True, params={"echo": "secret"})
    package = SignedPackage.loads(OrmQ.objects.get().payload)

    assert (package["func"], package["args"], package["kwargs"]) == ("runbooks.run.run_job", (job.pk,), {})
    assert "secret" not in str(package)
