"""A run whose process is killed in the middle of each kind of step: what may be repeated is, and nothing else ever.

The process is a real one, forked as a worker does it and killed with SIGKILL; what a reaper does then is done here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psutil
import pytest

from bots.cards import CardView, render_card
from guardrails.approvals import decide
from guardrails.models import Approval
from runbooks.books.running import INTERRUPTED
from runbooks.models import Job, MonitoredSystem, Run
from sessions_app.models import Card
from tests.clawsite.running import until
from tests.runbooks.books.making import go, saved, start, states, step, touch
from tests.runbooks.books.test_running import lines
from tests.runbooks.killing import kill_job
from tests.runbooks.people import ALICE, BOB
from tests.servers.guardian.server import GuardianServer
from tests.sessions_app.people import make_people

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.faults,
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),
]


@pytest.fixture
def guardian() -> Iterator[GuardianServer]:
    """The example system, and a row of it."""
    with GuardianServer().running() as server:
        MonitoredSystem.objects.create(name="guardian", health_url=f"{server.url}/health", prometheus_url=server.url)
        yield server


def started(run: Run, number: int) -> Callable[[], object]:
    """Return whether a step has begun."""
    told = {"part": "do", "number": number, "state": "started"}
    query = {f"data__{key}": value for key, value in told.items()}
    return lambda: run.job.events.filter(kind="step", **query).exists()


def test_a_command_that_is_not_repeatable_is_never_run_again(tmp_path: Path) -> None:
    people = make_people()
    program = f"echo x >> {tmp_path}/once; echo $$ > {tmp_path}/pid; sleep 60"
    saved(
        touch("before", str(tmp_path), rollback=touch("undone", str(tmp_path))),
        step("command", "Once", argv=["sh", "-c", program], host=["sh"]),
        touch("after", str(tmp_path)),
    )
    run = start(session_id=people.bobs.pk)
    job = kill_job(run.job_id, when=lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    pid = int((tmp_path / "pid").read_text())
    until(lambda: not psutil.pid_exists(pid), seconds=30, what="the program died with its run")

    assert job.state == "queued"
    job = go(run)
    assert (job.state, job.error) == ("failed", f"Once: {INTERRUPTED}")
    assert states(job) == ["ok", "failed", ""]
    assert [lines(tmp_path / name) for name in ("before", "once", "after", "undone")] == [1, 1, 0, 1]
    card = Card.objects.get(key=run.ref)
    shown = render_card(card.kind, card.data, CardView(zone=ZoneInfo("UTC"))).text
    assert "❌ [2/3] Once ... failed" in shown
    assert not Run.objects.filter(open=True).exists()


def test_a_command_that_is_repeatable_begins_again(tmp_path: Path) -> None:
    program = f"echo x >> {tmp_path}/again; test $(wc -l < {tmp_path}/again) -ge 2 || sleep 60"
    saved(touch("before", str(tmp_path)), step("command", argv=["sh", "-c", program], host=["sh"], repeatable=True))
    run = start()
    kill_job(run.job_id, when=lambda: lines(tmp_path / "again"))

    job = go(run)
    assert (job.state, states(job)) == ("succeeded", ["ok", "ok"])
    assert (lines(tmp_path / "before"), lines(tmp_path / "again")) == (1, 2)


@pytest.mark.parametrize(
    ("method", "path", "asked", "end"), [("POST", "restart", 1, "failed"), ("GET", "health", 2, "succeeded")]
)
def test_a_request_is_sent_again_only_when_it_changes_nothing(
    guardian: GuardianServer, method: str, path: str, asked: int, end: str
) -> None:
    guardian.plan.add("hang", method=f"/{path}", seconds=60)
    saved(step("http", method=method, base="guardian", path=[path]))
    run = start()
    kill_job(run.job_id, when=lambda: guardian.asked[f"{method} /{path}"])

    job = go(run)
    assert (job.state, guardian.asked[f"{method} /{path}"]) == (end, asked)


def test_a_query_is_asked_again(guardian: GuardianServer) -> None:
    guardian.plan.add("hang", method="/api/*", seconds=60)
    saved(step("prometheus", system="guardian", query="up", op=">", value=0))
    run = start()
    kill_job(run.job_id, when=lambda: guardian.asked["POST /api/v1/query"])

    job = go(run)  # the example system is no Prometheus
    assert (job.state, job.error) == ("failed", "A step: Prometheus answered with status 404.")


def _marks(job: Job) -> dict[str, Any]:
    """Return what the first step has noted, nothing while its job has saved nothing yet."""
    progress = job.saved.get("progress")
    marks: dict[str, Any] = progress["do"][0]["marks"] if progress else {}
    return marks


def test_a_wait_goes_on_where_it_was() -> None:
    saved(step("wait", seconds=4.0))
    began = time.monotonic()
    run = start()
    job = kill_job(run.job_id, when=lambda: _marks(Job.objects.get(pk=run.job_id)))
    marks = job.saved["progress"]["do"][0]["marks"]
    job = go(run)
    assert (job.state, job.saved["progress"]["do"][0]["marks"]) == ("succeeded", marks)
    assert time.monotonic() - began >= 4.0


def test_a_wait_for_a_check_goes_on_asking(guardian: GuardianServer) -> None:
    guardian.world.misbehave("zero")
    ask = {"base": "guardian", "path": ["health"]}
    saved(step("wait", every=0.1, timeout=30, http=ask))
    run = start()
    kill_job(run.job_id, when=lambda: guardian.asked["GET /health"] > 1)
    guardian.world.behave()
    assert go(run).state == "succeeded"


def test_a_message_is_said_once() -> None:
    people = make_people()
    saved(step("message", text="Hello"), step("wait", seconds=19), step("message", text="Bye"))
    run = start(session_id=people.bobs.pk)
    kill_job(run.job_id, when=started(run, 2))
    Job.objects.filter(pk=run.job_id).update(saved=_unsaid(Job.objects.get(pk=run.job_id)))

    job = go(run)
    assert (job.state, states(job)) == ("succeeded", ["ok", "ok", "ok"])
    assert Card.objects.filter(kind="run-message").count() == 2
    assert Card.objects.get(key=f"{run.ref}:do:0").version == 1


def _unsaid(job: Job) -> Any:
    """Return what a job saved, as if it had died right after the message was put; and let the wait be over."""
    saved_state = job.saved
    saved_state["progress"]["do"][0]["state"] = "started"
    saved_state["progress"]["do"][1]["marks"] = {"until": "2020-01-01T00:00:00+00:00"}
    return saved_state


def test_an_approval_outlives_the_process_that_asked(tmp_path: Path) -> None:
    saved(
        step("approval", count=1),
        step("command", argv=["sh", "-c", f"echo x >> {tmp_path}/once; sleep 60"], host=["sh"]),
    )
    run = start()
    assert go(run).state == "waiting_approval"
    assert decide(Approval.objects.get().key, actor=ALICE, approve=True).outcome == "approved"

    kill_job(run.job_id, when=lambda: lines(tmp_path / "once"))
    job = go(run)
    assert (job.state, states(job)) == ("failed", ["ok", "failed"])
    assert (Approval.objects.count(), lines(tmp_path / "once")) == (1, 1)


def test_a_rollback_that_was_interrupted_is_not_done_again_and_the_others_are(tmp_path: Path) -> None:
    program = f"echo x >> {tmp_path}/undo-b; sleep 60"
    saved(
        touch("a", str(tmp_path), rollback=touch("undo-a", str(tmp_path))),
        touch("b", str(tmp_path), rollback=step("command", argv=["sh", "-c", program], host=["sh"])),
        step("command", argv=["false"], host=["false"]),
    )
    run = start()
    kill_job(run.job_id, when=lambda: lines(tmp_path / "undo-b"))

    job = go(run)
    assert (job.state, states(job, "undo")) == ("failed", ["ok", "failed", ""])
    assert [lines(tmp_path / name) for name in ("a", "b", "undo-a", "undo-b")] == [1, 1, 1, 1]
    assert job.error == "A step: It ended with the code 1."


def test_a_run_that_was_cancelled_meanwhile_ends_and_frees_its_target(tmp_path: Path) -> None:
    saved(step("command", argv=["sh", "-c", f"echo x >> {tmp_path}/on; sleep 60"], host=["sh"]))
    run = start()
    job = kill_job(
        run.job_id,
        when=lambda: lines(tmp_path / "on") and Job.objects.filter(pk=run.job_id).update(cancel_requested=True),
    )
    assert job.state == "cancelled"
    assert start(actor=BOB).open
