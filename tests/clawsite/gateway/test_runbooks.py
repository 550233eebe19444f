"""runbooks.* over the wire: who sees what, who runs what, and that a run is one job."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from clawsite.core.db import close_pool, run_db
from clawsite.gateway.access import admit
from clawsite.gateway.principal import Scope
from guardrails.approvals import decide
from guardrails.models import Approval
from guardrails.types import Actor
from runbooks.models import Run
from sessions_app.models import Channel
from tests.clawsite.gateway.calling import ALICE, BOB, call
from tests.clawsite.gateway.seat import Refused, principal
from tests.runbooks.books.making import ECHO, saved, step
from tests.runbooks.running import perform_beside

pytestmark = pytest.mark.django_db(transaction=True)
CHARLIE = principal("charlie", Scope.READ)
MALLORY = principal("mallory", Scope.READ, Scope.WRITE)


@pytest.fixture(autouse=True)
async def book() -> AsyncIterator[None]:
    """A runbook; let the database go afterwards."""
    parameters = [{"name": "word", "default": "hello"}]
    await run_db(lambda: saved(ECHO | {"host": ["echo"], "with": {"argv": ["echo", "{word}"]}}, parameters=parameters))
    yield
    close_pool()


async def test_a_run_is_one_job_whose_steps_can_be_read() -> None:
    made = await call("runbooks.run", BOB, name="try", parameters={"word": "hi"}, idempotencyKey="k")
    again = await call("runbooks.run", BOB, name="try", parameters={"word": "hi"}, idempotencyKey="k")
    assert made["run"]["id"] == again["run"]["id"]
    await run_db(lambda: perform_beside(Run.objects.get().job_id))

    run = (await call("runbooks.get", BOB, run=made["run"]["id"]))["run"]
    assert (run["state"], run["output"], run["jobId"]) == ("succeeded", "hi\n", made["job"]["id"])
    assert [step["state"] for step in run["steps"]] == ["ok"]
    found = await call("runbooks.get", BOB, name="try")
    assert [each["id"] for each in found["runs"]] == [run["id"]]
    assert "argv:" in found["runbook"]["yaml"]


async def test_charlie_looks_and_runs_nothing() -> None:
    made = await call("runbooks.run", ALICE, name="try")
    with pytest.raises(Refused, match="missing scope"):
        await call("runbooks.run", CHARLIE, name="try")
    assert [row["name"] for row in (await call("runbooks.list", CHARLIE))["runbooks"]] == ["try"]
    shown = await call("runbooks.get", CHARLIE, name="try")
    assert (shown["runs"], "yaml" in shown["runbook"]) == ([], False)
    for who in (CHARLIE, MALLORY):
        with pytest.raises(Refused, match="There is no such run"):
            await call("runbooks.get", who, run=made["run"]["id"])


async def test_what_is_wrong_is_said() -> None:
    for params, reason in (
        ({"name": "nope"}, "There is no runbook named 'nope'"),
        ({"name": "try", "parameters": {"word": "-rf"}}, "must not begin with a dash"),
        ({"name": "try", "parameters": {"other": 1}}, "There is no parameter named 'other'"),
    ):
        with pytest.raises(Refused, match=reason):
            await call("runbooks.run", BOB, **params)
    await call("runbooks.run", BOB, name="try")
    with pytest.raises(Refused, match="already runs on try"):
        await call("runbooks.run", ALICE, name="try")


@pytest.mark.parametrize("known_before", [True, False])
async def test_who_started_it_over_a_token_does_not_decide_it_as_a_contact(known_before: bool) -> None:
    erin = principal("erin", Scope.READ, Scope.WRITE, Scope.APPROVALS)

    def prepare() -> None:
        saved(step("approval", no_self=True), step("wait", seconds=0), name="asks")

    def meet() -> Actor:
        channel, _ = Channel.objects.get_or_create(kind="gateway", name="gateway")
        return admit(erin, channel).actor

    def wait() -> str:
        perform_beside(Run.objects.get().job_id)
        return Approval.objects.get().key

    def go_on() -> tuple[str, str]:
        perform_beside(Run.objects.get().job_id)
        job = Run.objects.get().job
        return job.state, job.error

    await run_db(prepare)
    if known_before:
        await run_db(meet)
    await call("runbooks.run", erin, name="asks")
    key = await run_db(wait)
    outcome = await run_db(lambda: decide(key, actor=meet(), approve=True).outcome)
    assert outcome == ("not_allowed" if known_before else "approved")
    if not known_before:
        state, error = await run_db(go_on)
        assert (state, "may not decide this" in error) == ("failed", True)
