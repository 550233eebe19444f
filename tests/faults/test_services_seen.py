"""A fault in each outside service in use is seen within a minute, everywhere: in its breaker, /health, RPC health,
/metrics, the dashboard, an alert in the chats of admins and by mail, and a sentence in /status.

What passes between two looks of the product (a round of the self alerts, the next reading of a system) is passed by
the test's own clock, so that the test does not take a minute.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from functools import partial

import pytest
import yaml
from asgiref.sync import async_to_sync
from django.utils import timezone
from pytest_django import Settings

from bots.agent import failover, fallbacks
from bots.agent.targets import teller
from bots.channels.telegram import adapter, calls, polling
from bots.commands.degraded import name_failing
from bots.service_kinds import KINDS
from clawsite.core import services
from clawsite.core.db import close_pool, run_db
from clawsite.core.errors import ClawError, Unavailable
from clawsite.core.models import ServiceState
from clawsite.core.services import EVERY_SECONDS, Prober, ServiceReport, registry
from clawsite.gateway.listing import View
from clawsite.gateway.methods.health import read_health
from clawsite.models import SelfAlert
from clawsite.ops.selfalerts import mail
from clawsite.ops.selfalerts.chats import tell_chats
from clawsite.ops.selfalerts.checks import make_checks
from clawsite.ops.selfalerts.keeping import ROUND_SECONDS
from clawsite.ops.selfalerts.rounds import Watch
from clawsite.web.board import figures as board_figures
from clawsite.web.board.consumer import render
from clawsite.web.report import gauges, take_report
from runbooks.dispatch import line
from runbooks.incidents import posting
from runbooks.incidents.posting import post_test
from runbooks.models import ForgeConnection, GatewayTarget, IncidentHook, MonitoredSystem, Project, Remote
from runbooks.sources import readings
from runbooks.sources.breaker import note_failure
from runbooks.sources.loop import read_due
from runbooks.sources.readings import take_due
from runbooks.workspaces.pipelines import asking
from runbooks.workspaces.pipelines.connections import note_answer, open_connection
from runbooks.workspaces.sync import door
from tests.bots.flow import Flow, open_flow, until_db
from tests.ports import free_port
from tests.programs import ROOT

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

MINUTE = 60.0
MOST_JITTER = 1.3
RARELY = {"redis", "trace collector", "backup store", "mail"}
TRIED = RARELY | {"model", "channel", "polling", "system", "ticket system", "forge", "git remote", "gateway"}
ALICE = View(owner="", sees_all=True)


@pytest.fixture
async def flow(transactional_db: None) -> AsyncIterator[Flow]:
    async with open_flow(CLAW_MODELS=["claude-sonnet-5-5", "claude-haiku-5-5"]) as opened:
        yield opened


@pytest.fixture(autouse=True)
def fresh_process(settings: Settings) -> Iterator[None]:
    settings.CLAW_ALERT_MAIL = ["ops@example.com"]
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


def look_everywhere(kind: str, *, breaker: str = "open", severity: str = "warning") -> SelfAlert:
    """Look for the failing service of a kind in every place where people and programs look; return the alert."""
    found = seen(kind)
    assert found is not None
    assert found.state == breaker
    numbers = shown(kind)  # of /health and /metrics
    assert numbers["claw_service_failing_seconds"] > 0
    assert numbers["claw_breaker_open"] == (breaker != "closed")
    told = [each for each in read_health(ALICE)["services"] if each["kind"] == kind and each["failing"] is not None]
    assert [each["state"] for each in told] == [breaker]
    alert = alert_about(kind)
    assert alert.severity == severity
    assert alert in mail.find_news()
    assert found.name in str(mail.write([alert]).get_content())
    assert any(f"{found.name}" in line for line in name_failing(sees_all=True))
    board_figures._kept = (0.0, {})
    page = render("en")
    assert f"{found.name} <small>" in page
    assert ("left alone" if breaker == "open" else "fails now and then") in page
    assert "Problems with clawsite" in page
    assert "does not answer." in page
    return alert


async def test_the_model(flow: Flow) -> None:
    flow.model.set_default("Here.")
    flow.model.fail(500, model="claude-sonnet-5-5", times=None)
    async with flow.running():
        (answer,) = await flow.says(flow.alice, "hi", timeout=MINUTE)
        found = await until_db(lambda: seen("model"), timeout=MINUTE)
        alert = await run_db(partial(look_everywhere, "model", breaker=found.state))
        card = (await flow.answers(flow.alice, 1, 1, timeout=MINUTE))[-1]
        (status,) = await flow.says(flow.alice, "/status", timeout=MINUTE)
    assert "claude-sonnet-5-5 does not answer at the moment; I use claude-haiku-5-5 instead." in answer
    assert found.fallback == "claude-haiku-5-5"
    assert alert.data["fallback"] == "claude-haiku-5-5", "another one answers, so it is a warning"
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
        await run_db(partial(look_everywhere, kind, severity="critical"))
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
    look_everywhere("system")


@pytest.mark.django_db
def test_a_ticket_system() -> None:
    hook = IncidentHook.objects.create(name="tickets", url=f"http://127.0.0.1:{free_port()}/", secret="x" * 20)
    for _ in range(5):
        with pytest.raises(ClawError):
            post_test(hook)
    look_everywhere("ticket system")


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
        assert look_everywhere(kind).data["name"] == name
    assert SelfAlert.objects.get(subject__startswith="forge").data["error"] == "GitHub answered with status 502."


def use_all(settings: Settings, address: str) -> None:
    """Have services in use that nobody needs at the moment, all at one address."""
    settings.REDIS_URL = f"redis://:hunter2hunter2@{address}/0"
    settings.CLAW_OTLP_URL = f"http://{address}"
    settings.CLAW_BACKUP_S3 = f"s3://copies?endpoint=http://{address}"
    settings.CLAW_BACKUP_S3_KEY = settings.CLAW_BACKUP_S3_SECRET = "x" * 20
    settings.CLAW_ALERT_MAIL_SERVER = f"smtp://{address}"


@pytest.fixture(params=["refuses", "hangs"])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where nobody listens, and where the connection is taken and nothing is ever answered."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"127.0.0.1:{silent.getsockname()[1] if request.param == 'hangs' else free_port()}"


async def test_what_nobody_needs_at_the_moment(address: str, settings: Settings, transactional_db: None) -> None:
    use_all(settings, address)
    prober, begun = Prober(), time.monotonic()
    try:
        await prober.look()
        await prober.drain()
        assert time.monotonic() - begun < MINUTE / 2
        assert sorted(each.kind for each in await run_db(services.report) if each.is_failing) == sorted(RARELY)
        for kind in RARELY:
            await run_db(partial(look_everywhere, kind, breaker="closed"))
        await run_db(lambda: ServiceState.objects.update(changed_at=timezone.now() - timedelta(seconds=11)))
        await prober.look()
        await prober.drain()
        assert {each.failures for each in await run_db(lambda: list(ServiceState.objects.all()))} == {2}
        assert "hunter2" not in await run_db(lambda: json.dumps(take_report()))
    finally:
        close_pool()


def test_every_kind_of_service_is_tried_here_and_has_its_alert() -> None:
    assert set(registry._kinds) == TRIED == set(KINDS)
    rules = yaml.safe_load((ROOT / "docker/prometheus/tests/clawsite.yml").read_text(encoding="utf-8"))["tests"]
    (test,) = [each for each in rules if each["name"] == "ServiceDown"]
    assert {re.findall('kind="(.*?)"', each["series"])[0] for each in test["input_series"]} == TRIED


@pytest.mark.parametrize(
    ("noted", "waited"),
    [
        pytest.param(failover.SLOW_SECONDS, failover.SLOW_SECONDS, id="model"),
        pytest.param(calls.READ_SECONDS, 0, id="channel"),
        pytest.param(adapter.POLL_SECONDS + polling.READ_MARGIN_SECONDS + 1, adapter.POLL_SECONDS, id="polling"),
        pytest.param(30 + 4 + readings.SECONDS, readings.SECONDS, id="system"),
        pytest.param(asking.SECONDS, 0, id="forge"),
        pytest.param(door.SILENT_SECONDS, 0, id="git remote"),
        pytest.param(line.UP_SECONDS * MOST_JITTER + line.PING_SECONDS, 0, id="gateway"),
        pytest.param(posting.SECONDS, 0, id="ticket system"),
        pytest.param(EVERY_SECONDS + 5 * MOST_JITTER + 5, 5, id="redis, trace collector, backup store, mail"),
    ],
)
def test_one_that_never_answers_is_told_of_within_a_minute(noted: float, waited: float) -> None:
    """`noted`: when that is in its row, at the latest; `waited`: for how long it counts as failing then."""
    (check,) = [each for each in make_checks() if each.name == "service"]
    assert noted + max(0.0, check.seconds - waited) + ROUND_SECONDS * MOST_JITTER <= MINUTE
