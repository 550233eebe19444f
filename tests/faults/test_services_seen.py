"""A fault in each outside service in use is seen within a minute: in its breaker, /health, /metrics, /status, an alert.

What passes between two looks of the product (a round of the self alerts, the next reading of a system) is passed by
the test's own clock, so that the test does not take a minute.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from bots.agent import fallbacks
from bots.agent.targets import teller
from clawsite.core import services
from clawsite.core.db import run_db
from clawsite.core.errors import ClawError, Unavailable
from clawsite.core.services import ServiceReport
from clawsite.models import SelfAlert
from clawsite.ops.selfalerts.chats import tell_chats
from clawsite.ops.selfalerts.checks import make_checks
from clawsite.ops.selfalerts.rounds import Watch
from clawsite.web.report import gauges, take_report
from runbooks.incidents.posting import post_test
from runbooks.models import ForgeConnection, GatewayTarget, IncidentHook, MonitoredSystem, Project, Remote
from runbooks.sources.breaker import note_failure
from runbooks.sources.loop import read_due
from runbooks.sources.readings import take_due
from runbooks.workspaces.pipelines.connections import note_answer, open_connection
from tests.bots.flow import Flow, open_flow, until_db
from tests.ports import free_port

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

MINUTE = 60.0


@pytest.fixture
async def flow(transactional_db: None) -> AsyncIterator[Flow]:
    async with open_flow(CLAW_MODELS=["claude-sonnet-5-5", "claude-haiku-5-5"]) as opened:
        yield opened


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    yield
    fallbacks.forget()
    teller.clear()


def seen(kind: str) -> ServiceReport | None:
    """Return the failing service of a kind."""
    return next((each for each in services.report() if each.kind == kind and each.is_failing), None)


def alert_about(kind: str) -> SelfAlert:
    """Make the rounds of the next half minute, tell the chats, and return the alert."""
    now, passed = timezone.now(), 0.0
    watch = Watch([check for check in make_checks() if check.name == "service"], clock=lambda: passed)
    for passed in (0.0, 15.0, 30.0):
        watch.round(now + timedelta(seconds=passed))
    tell_chats()
    return SelfAlert.objects.get(closed_at=None, subject__startswith=f"{kind} ")


def shown(kind: str) -> dict[str, float]:
    """Return the metrics of the failing service of a kind."""
    found = take_report()
    assert kind in {each["kind"] for each in found["services"] if each["failing"] is not None}
    samples = [sample for metric in gauges(found) for sample in metric.samples if sample.labels.get("kind") == kind]
    return {sample.name: max(s.value for s in samples if s.name == sample.name) for sample in samples}


async def test_the_model(flow: Flow) -> None:
    flow.model.set_default("Here.")
    flow.model.fail(500, model="claude-sonnet-5-5", times=None)
    async with flow.running():
        (answer,) = await flow.says(flow.alice, "hi", timeout=MINUTE)
        found = await until_db(lambda: seen("model"), timeout=MINUTE)
        alert = await run_db(alert_about, "model")
        numbers = await run_db(shown, "model")
        card = (await flow.answers(flow.alice, 1, 1, timeout=MINUTE))[-1]
        (status,) = await flow.says(flow.alice, "/status", timeout=MINUTE)
    assert "claude-sonnet-5-5 does not answer at the moment; I use claude-haiku-5-5 instead." in answer
    assert found.fallback == "claude-haiku-5-5"
    assert alert.severity == "warning", "another one answers"
    assert numbers["claw_service_failing_seconds"] > 0
    assert "Model claude-sonnet-5-5 does not answer." in card
    assert "I use claude-haiku-5-5 instead" in status


@pytest.mark.parametrize(("method", "kind"), [("sendMessage", "channel"), ("getUpdates", "polling")])
async def test_the_platform(flow: Flow, method: str, kind: str) -> None:
    flow.model.set_default("Here.")
    async with flow.running():
        await flow.says(flow.alice, "hi")
        flow.telegram.fault("status", method=method, status=502, for_seconds=600)
        flow.telegram.user_sends(flow.alice, "are you there?")
        await until_db(lambda: (found := seen(kind)) is not None and found.state == "open", timeout=MINUTE)
        assert (await run_db(alert_about, kind)).severity == "critical"
        assert (await run_db(shown, kind))["claw_breaker_open"] == 1
        flow.telegram.clear_faults()
        await until_db(lambda: seen(kind) is None, timeout=MINUTE)
        await flow.quiet(timeout=MINUTE)


@pytest.mark.django_db(transaction=True)
def test_a_monitored_system() -> None:
    address = f"http://127.0.0.1:{free_port()}"
    MonitoredSystem.objects.create(name="guardian", credentials="{}", health_url=f"{address}/health")
    async_to_sync(read_due)()
    begun = timezone.now()
    found = seen("system")
    assert found is not None
    assert (found.name, found.state) == ("guardian health", "closed")
    due = take_due(now=begun + timedelta(seconds=11))
    assert len(due) == 1, "what has begun to fail is asked again soon"
    note_at = begun + timedelta(seconds=12)
    note_failure(due[0].system, "health", "It cannot be reached.", now=note_at)
    found = seen("system")
    assert found is not None
    assert found.state == "open"
    assert alert_about("system").severity == "warning"
    assert shown("system")["claw_breaker_open"] == 1


@pytest.mark.django_db
def test_a_ticket_system() -> None:
    hook = IncidentHook.objects.create(name="tickets", url=f"http://127.0.0.1:{free_port()}/", secret="x" * 20)
    for _ in range(5):
        with pytest.raises(ClawError):
            post_test(hook)
    found = seen("ticket system")
    assert found is not None
    assert (found.name, found.state) == ("tickets", "open")
    assert alert_about("ticket system").severity == "warning"


@pytest.mark.django_db
def test_what_keeps_its_state_in_its_own_row() -> None:
    now = timezone.now()
    project = Project.objects.create(key="shop-1", name="shop", owner="user:1", type="fastapi")
    forge = ForgeConnection.objects.create(project=project, kind="github", repository="a/b", token="t" * 20)
    for _ in range(5):
        note_answer(forge, Unavailable("GitHub answered with status 502."))
    forge.refresh_from_db()
    with pytest.raises(Unavailable):
        open_connection(forge)
    Remote.objects.create(
        project=project, url="https://x.example/a.git", state="away", error="no route", tries=3, failing_since=now,
        due_at=now + timedelta(minutes=1),
    )  # fmt: skip
    GatewayTarget.objects.create(name="second", ws_url="wss://x.example", away_since=now, last_error="refused")
    for kind, name in (("forge", "shop-1 github"), ("git remote", "shop-1"), ("gateway", "second")):
        found = seen(kind)
        assert found is not None
        assert (found.name, found.state) == (name, "open")
        assert shown(kind)["claw_breaker_open"] == 1
    assert alert_about("forge").data["error"] == "GitHub answered with status 502."
