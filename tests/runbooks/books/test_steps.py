"""The kinds of step against the example system, and how a step ends when its run is to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from clawsite.core.models import Secret
from guardrails.processes import Bounds
from guardrails.types import Actor, Role
from runbooks import jobs
from runbooks.books.ready import install_ready
from runbooks.books.steps import command
from runbooks.books.steps.conditions import Condition, find_value, holds
from runbooks.jobs.working import Signals
from runbooks.models import Job, MonitoredSystem, Run
from runbooks.runner import perform
from runbooks.sources.credentials import change
from tests.clawsite.running import until
from tests.programs import need_program
from tests.runbooks.books.making import done, go, output, saved, start, states, step
from tests.runbooks.books.test_running import lines
from tests.runbooks.people import BOB
from tests.servers.guardian.server import GuardianServer

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = "a-token-of-the-example-system"


@pytest.fixture
def guardian() -> Iterator[GuardianServer]:
    """The example system, as monitored."""
    with GuardianServer().running() as server:
        MonitoredSystem.objects.create(name="transaction-guardian", health_url=f"{server.url}/health")
        yield server


def ask(**values: Any) -> dict[str, Any]:
    return step("http", base="transaction-guardian", **values)


def test_the_ready_made_ones_mend_the_example_system(guardian: GuardianServer) -> None:
    install_ready(actor=Actor(subject="user:1", role=Role.ADMIN))
    guardian.world.misbehave("zero")
    guardian.restart_seconds = 0.5
    job = go(start("restart-api"))
    assert (job.state, states(job)) == ("succeeded", ["ok"] * 4)
    assert guardian.world.status == "healthy"
    assert "unhealthy" in output(job)

    guardian.world.misbehave("slow")
    assert go(start("clear-cache")).state == "succeeded"
    assert "slow" not in guardian.world.troubles
    assert go(start("scale-workers", params={"count": "7"})).state == "succeeded"
    assert guardian.world.workers == 7


def test_the_ready_made_ones_look_at_this_installation(settings: Settings, tmp_path: Path) -> None:
    install_ready(actor=Actor(subject="user:1", role=Role.ADMIN))
    settings.CLAW_HOME = tmp_path
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "clawsite.log").write_text("one\ntwo\nthree\n", encoding="ascii")
    job = go(start("log-tail", params={"lines": 2}))
    assert (job.state, output(job)) == ("succeeded", "two\nthree\n")
    assert go(start("disk-space", params={"most": 100})).state == "succeeded"
    with GuardianServer().running() as server:
        settings.CLAW_HOST, settings.CLAW_PORT = "127.0.0.1", int(server.url.rpartition(":")[2])
        job = go(start("service-health"))
    assert job.error == "It lives: It answered with the status 404."


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"path": ["nope"]}, "It answered with the status 404."),
        (
            {"path": ["health"], "expect": {"json": [{"path": "status", "value": "broken"}]}},
            "status is healthy, not broken.",
        ),
        ({"path": ["stats"], "expect": {"json": [{"path": "approval_rate", "op": ">", "value": 101}]}}, "not > 101."),
        ({"path": ["health"], "expect": {"contains": "sick"}}, "The answer does not hold 'sick'."),
        ({"path": [], "expect": {"json": [{"path": "x", "op": "exists"}]}}, "The answer is not JSON."),
        ({"path": ["workers"], "method": "POST", "json": {"count": 99}}, "It answered with the status 400."),
        ({"path": ["health"], "headers": {"X-Key": {"secret": "RUNBOOK_NONE"}}}, "no stored secret named RUNBOOK_NONE"),
    ],
)
def test_what_is_not_as_expected_is_said(guardian: GuardianServer, given: dict[str, Any], reason: str) -> None:
    job = done(ask(**given))
    assert job.state == "failed"
    assert reason in job.error


def test_secrets_and_credentials_go_along_and_are_never_shown(guardian: GuardianServer) -> None:
    guardian.token = TOKEN
    assert "status 401" in done(ask(path=["health"])).error

    Secret.objects.create(name="RUNBOOK_GUARDIAN", value=TOKEN)
    secret = {"Authorization": {"secret": "RUNBOOK_GUARDIAN", "prefix": "Bearer "}}
    run_job = done(ask(path=["health"], headers=secret), step("command", argv=["echo", TOKEN], host=["echo"]))
    assert run_job.state == "succeeded"
    assert TOKEN not in output(run_job)
    assert TOKEN not in str(Run.objects.get(job=run_job).plan[0])

    MonitoredSystem.objects.update(credentials=change("", {"system": TOKEN}))
    assert done(ask(path=["health"])).state == "succeeded"


def test_a_long_wait_for_a_check_asks_now_and_then(guardian: GuardianServer) -> None:
    guardian.world.misbehave("zero")
    request = {"base": "transaction-guardian", "path": ["health"]}
    saved(step("wait", every=60, timeout=3600, http=request))
    run = start()
    job = go(run)
    assert job.state == "queued"
    assert timedelta(seconds=50) < job.not_before - timezone.now() < timedelta(seconds=61)

    guardian.world.behave()
    Job.objects.filter(pk=job.pk).update(not_before=timezone.now())
    job = go(run)
    assert (job.state, guardian.asked["GET /health"]) == ("succeeded", 2)


def test_a_wait_that_asks_seldom_lasts_as_long_as_it_may() -> None:
    saved(step("wait", every=60, timeout=60, http={"url": "http://127.0.0.1:1/"}))
    run = start()
    job = go(run)
    assert job.state == "queued"
    assert timedelta(seconds=50) < job.not_before - timezone.now() < timedelta(seconds=61)

    (row,) = job.saved["progress"]["do"]
    row["marks"]["until"] = timezone.now().isoformat()
    Job.objects.filter(pk=job.pk).update(not_before=timezone.now(), saved=job.saved)
    assert go(run).error == "A step: It was waited for in vain. 127.0.0.1:1 cannot be reached."


def test_a_wait_for_a_check_is_over_at_its_time() -> None:
    job = done(step("wait", every=0.1, timeout=0.5, http={"url": "http://127.0.0.1:1/"}))
    assert job.error == "A step: It was waited for in vain. 127.0.0.1:1 cannot be reached."


@pytest.mark.parametrize(
    ("told", "state"), [("1.2e+06", "succeeded"), ("9 of 1e3", "succeeded"), ("1.2e-06", "failed")]
)
def test_a_number_may_be_written_with_a_power_of_ten(told: str, state: str) -> None:
    job = done(step("command", argv=["echo", told], host=["echo"], number={"op": ">", "value": 500}))
    assert (job.state, "e-06" in job.error) == (state, state == "failed")


def test_a_command_that_used_too_much_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    need_program("bwrap")
    monkeypatch.setattr(command, "BOUNDS", Bounds(memory_bytes=16 * 1024**2))
    job = done(step("command", argv=["dd", "if=/dev/zero", "of=/dev/null", "bs=64M"]))
    assert (job.state, job.error) == ("failed", "A step: It used too much and was ended: memory.")


def test_a_cancelled_command_ends_at_once(tmp_path: Path) -> None:
    saved(step("command", argv=["sh", "-c", f"echo x > {tmp_path}/on; sleep 60"], host=["sh"], timeout=120))
    run = start()

    def cancel() -> None:
        until(lambda: lines(tmp_path / "on"), seconds=60, what="the command")
        jobs.cancel_job(run.job.key, actor=BOB)
        connections.close_all()

    other = threading.Thread(target=cancel)
    other.start()
    began = time.monotonic()
    job = go(run)
    other.join()
    assert (job.state, states(job)) == ("cancelled", ["started"])
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(("repeatable", "count"), [(True, 2), (False, 1)])
def test_a_stop_of_the_system_puts_the_run_back_and_repeats_only_what_may_be(
    tmp_path: Path, repeatable: bool, count: int
) -> None:
    program = f"echo x >> {tmp_path}/work; test $(wc -l < {tmp_path}/work) -ge 2 || sleep 3"
    saved(step("command", argv=["sh", "-c", program], host=["sh"], repeatable=repeatable), step("wait", seconds=0))
    run = start()
    signals = Signals()

    def stop() -> None:
        until(lambda: lines(tmp_path / "work"), seconds=60, what="the command")
        signals.stopping = True

    other = threading.Thread(target=stop)
    other.start()
    assert perform(run.job_id, signals=signals)
    other.join()
    assert Job.objects.get(pk=run.job_id).state == "queued"

    job = go(run)
    assert (job.state, states(job), lines(tmp_path / "work")) == ("succeeded", ["ok", "ok"], count)


@pytest.mark.parametrize(
    ("value", "condition", "kept"),
    [
        (5, {"op": ">", "value": 4}, True),
        ("5", {"op": ">", "value": 4}, False),
        (True, {"value": 1}, False),
        (float("nan"), {"op": ">=", "value": 0}, False),
        (1.0, {"value": 1}, True),
        (["a"], {"op": "contains", "value": "a"}, True),
        (5, {"op": "contains", "value": "5"}, False),
        (None, {"op": "exists"}, False),
        (0, {"op": "exists"}, True),
        ("a", {"op": "!=", "value": "b"}, True),
    ],
)
def test_conditions(value: Any, condition: dict[str, Any], kept: bool) -> None:
    assert holds(value, Condition(**condition)) is kept


def test_parts_of_an_answer_are_found_by_their_path() -> None:
    answer = {"checks": [{"status": "ok"}, 7], "": {"a": 1}}
    assert find_value(answer, "checks.0.status") == "ok"
    assert find_value(answer, "") == answer
    for path in ("checks.2", "checks.x", "checks.0.status.x", "nope", "checks.-1"):
        assert find_value(answer, path) is None


def test_steps_leave_no_folders_behind(settings: Settings, tmp_path: Path) -> None:
    settings.CLAW_HOME = tmp_path
    assert done(step("command", argv=["true"], host=["true"])).state == "succeeded"
    assert list((tmp_path / "steps").iterdir()) == []
