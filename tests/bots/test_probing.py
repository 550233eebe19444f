"""A model or an account that failed and nobody calls is asked by the bots role; a new process knows what failed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from bots.agent import failover
from bots.agent.targets import breakers, recall_breakers, teller
from clawsite.core import services
from clawsite.core.db import run_db
from clawsite.core.models import ServiceState
from clawsite.core.services import Prober, note_failure
from clawsite.rpc.watchdog import Watchdog
from tests.bots.flow import Flow, open_flow, until_db

MODEL = "claude-sonnet-5-5"


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    yield
    teller.clear()
    breakers.clear()


@pytest.fixture
async def flow(transactional_db: None) -> AsyncIterator[Flow]:
    async with open_flow(CLAW_MODELS=[MODEL]) as opened:
        yield opened


def failing() -> list[str]:
    return [each.name for each in services.report() if each.is_failing]


def have_failed(kind: str, name: str) -> None:
    note_failure(kind, name, error="No answer.")
    ServiceState.objects.update(changed_at=timezone.now() - timedelta(minutes=1))


async def probe() -> list[str]:
    """Ask what is due, as the bots role does, and return what fails after that."""
    prober = Prober(role="bots")
    await prober.look()
    await prober.drain()
    return await run_db(failing)


async def test_a_model_that_answers_again_is_well_again(flow: Flow) -> None:
    flow.model.set_default("Hello.")
    await run_db(have_failed, "model", MODEL)
    await Prober(role="worker").look()
    assert flow.model.requests() == [], "the worker has not loaded what that takes"
    assert await probe() == []
    (request,) = flow.model.requests()
    assert request["body"]["max_tokens"] == 1


async def test_a_model_whose_key_is_refused_goes_on_failing(flow: Flow) -> None:
    flow.model.set_keys(["another key"])
    await run_db(have_failed, "model", MODEL)
    assert await probe() == [MODEL]
    error = await run_db(lambda: ServiceState.objects.get().error)
    assert error.startswith("The model cannot be used: ")


async def test_an_account_is_asked_who_it_is(flow: Flow) -> None:
    await run_db(have_failed, "channel", "telegram")
    flow.telegram.fault("status", method="getMe", status=502, times=10)
    assert await probe() == ["telegram"]
    flow.telegram.clear_faults()
    await run_db(lambda: ServiceState.objects.update(changed_at=timezone.now() - timedelta(minutes=1)))
    assert await probe() == []


async def test_a_model_that_keeps_us_waiting_is_told_of_while_it_is_waited_for(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failover, "Watchdog", lambda seconds, tell: Watchdog(seconds / 400, tell))
    flow.model.set_default("Here I am.", first_pause=5.0)  # the row is looked at meanwhile, on a slow machine too
    async with flow.running():
        flow.telegram.user_sends(flow.alice, "hi")
        row = await until_db(lambda: ServiceState.objects.filter(kind="model").exclude(error="").first(), timeout=30)
        assert (row.error, row.error_kind) == (f"{MODEL} has sent nothing for 40 seconds.", "slow")
        await until_db(lambda: not failing(), timeout=30)
        await flow.quiet(timeout=30)
    assert flow.texts(flow.alice) == ["Here I am."]


async def test_a_new_process_leaves_alone_what_others_leave_alone(flow: Flow) -> None:
    await run_db(lambda: note_failure("model", MODEL, error="Overloaded.", retry_after=60))
    assert breakers.of(MODEL).admit()
    await run_db(recall_breakers)
    assert not breakers.of(MODEL).admit()
    assert 0 < breakers.of(MODEL).wait <= 60
    breakers.clear()
    await run_db(lambda: ServiceState.objects.update(open_until=timezone.now() - timedelta(seconds=1)))
    await run_db(recall_breakers)
    assert breakers.of(MODEL).admit()
