"""What the health addresses tell, and to whom. Charlie, from outside, learns one word."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from clawsite.core.db import close_pool, run_db
from clawsite.core.metrics import GAUGES
from clawsite.core.process import register_process
from clawsite.gateway.limits import MOST_FAILURES, Attempts
from clawsite.web import entry, health, report, sockets
from clawsite.web.health import Health
from guardrails.types import Actor, Role
from runbooks.alerts.store import store_webhook
from runbooks.jobs import create_job
from runbooks.models import MonitoredSystem, SystemReading
from sessions_app.models import Channel, Inbox
from tests.clawsite.web.asking import ask, knock

pytestmark = pytest.mark.django_db(transaction=True)

CHARLIE = "203.0.113.9"


@pytest.fixture(autouse=True)
def one_life(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give every test its own answers, and let the database thread go."""
    fresh = Health()
    answers = {
        "/healthz": fresh.live, "/readyz": fresh.ready, "/startupz": fresh.startup,
        "/health": fresh.details, "/metrics": fresh.metrics,
    }  # fmt: skip
    monkeypatch.setattr(entry, "_plain", answers)
    yield
    close_pool()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/startupz"])
async def test_the_probes_say_ok_and_no_more(path: str) -> None:
    found = await ask(entry.application, path, client=CHARLIE)
    assert (found.status, found.body) == (200, b"ok\n")


async def test_jobs_are_counted_and_their_processes_are_no_roles() -> None:
    def prepare() -> None:
        register_process("job")
        actor = Actor(subject="user:1", role=Role.OPERATOR)
        for start in (True, True, False):
            create_job("selftest", actor=actor, start=start)

    await run_db(prepare)
    value = (await ask(entry.application, "/health")).json()
    assert value["queues"]["jobs"] | {"oldest_age": 0} == {
        "queued": 2, "running": 0, "waiting_approval": 0, "oldest_age": 0,
    }  # fmt: skip
    assert value["processes"] == []
    text = (await ask(entry.application, "/metrics")).body.decode()
    assert 'claw_open_jobs{state="queued"} 2.0' in text
    assert "claw_job_oldest_seconds" in text


async def test_sources_that_do_not_answer_are_told() -> None:
    def prepare() -> None:
        system = MonitoredSystem.objects.create(name="guardian", credentials="{}")
        now = timezone.now()
        SystemReading.objects.create(system=system, source="health", read_at=now)
        until = now + timedelta(minutes=1)
        SystemReading.objects.create(system=system, source="stats", failing_since=now, open_until=until, error="where")
        off = MonitoredSystem.objects.create(name="off", enabled=False)
        SystemReading.objects.create(system=off, source="health")

    await run_db(prepare)
    found = await ask(entry.application, "/health")
    read, failing = found.json()["sources"]
    assert 0 <= read["read_age"] < 30
    assert 0 <= failing["failing"] < 30
    assert [read | {"read_age": 0}, failing | {"failing": 0}] == [
        {"system": "guardian", "source": "health", "failing": None, "read_age": 0},
        {"system": "guardian", "source": "stats", "failing": 0, "read_age": None},
    ]
    services = [each for each in found.json()["services"] if each["kind"] == "system"]
    told = {each["name"]: (each["state"], each["error"]) for each in services}
    assert told == {"guardian health": ("closed", ""), "guardian stats": ("open", "where")}
    text = (await ask(entry.application, "/metrics")).body.decode()
    assert 'claw_source_up{source="stats",system="guardian"} 0.0' in text
    assert 'claw_source_up{source="health",system="guardian"} 1.0' in text
    assert 'claw_breaker_open{kind="system",service="guardian stats"} 1.0' in text
    assert 'claw_service_failing_seconds{kind="system",service="guardian health"} 0.0' in text


async def test_alerts_that_wait_are_seen() -> None:
    await run_db(lambda: [store_webhook("{}") for _ in range(2)])
    value = (await ask(entry.application, "/health")).json()
    assert value["queues"]["alerts"] | {"oldest_age": 0} == {"new": 2, "oldest_age": 0}
    text = (await ask(entry.application, "/metrics")).body.decode()
    assert 'claw_queue_rows{queue="alerts",state="new"} 2.0' in text
    assert 'claw_queue_oldest_seconds{queue="alerts"}' in text


async def test_alice_on_the_machine_sees_processes_channels_and_queues() -> None:
    def prepare() -> None:
        register_process("web")
        channel = Channel.objects.create(kind="telegram", name="main", token="secret-token")
        for number, state in enumerate(["new", "new", "dead", "done"]):
            Inbox.objects.create(channel=channel, external_id=str(number), lane="1", raw="{}", state=state)

    await run_db(prepare)
    found = await ask(entry.application, "/health")
    value = found.json()
    assert found.status == 200
    assert value["status"] == "ok"
    assert value["queues"]["inbox"] | {"oldest_age": 0} == {"new": 2, "dead": 1, "oldest_age": 0}
    assert value["processes"][0]["role"] == "web"
    assert value["memory"]["web"] > 1_000_000
    assert [channel["name"] for channel in value["channels"]] == ["main"]
    assert b"secret-token" not in found.body


@pytest.mark.parametrize(
    ("client", "headers"),
    [
        (CHARLIE, {}),
        ("127.0.0.1", {"x-forwarded-for": CHARLIE}),
        ("127.0.0.1", {"forwarded": "for=203.0.113.9"}),
        ("127.0.0.1", {"x-real-ip": CHARLIE}),
        (CHARLIE, {"authorization": "Bearer wrong"}),
        (CHARLIE, {"authorization": "Bearer "}),
    ],
)
async def test_charlie_sees_only_the_status(client: str, headers: dict[str, str]) -> None:
    found = await ask(entry.application, "/health", client=client, headers=headers)
    assert found.json() == {"status": "ok"}
    assert (await ask(entry.application, "/metrics", client=client, headers=headers)).status == 403


async def test_behind_a_proxy_nobody_is_local(settings: Settings) -> None:
    settings.CLAW_BEHIND_PROXY = True
    assert (await ask(entry.application, "/health")).json() == {"status": "ok"}


async def test_the_gateway_token_opens_details_from_anywhere(settings: Settings) -> None:
    settings.CLAW_GATEWAY_TOKEN = "right"
    found = await ask(entry.application, "/health", client=CHARLIE, headers={"authorization": "Bearer right"})
    assert "processes" in found.json()
    metrics = await ask(entry.application, "/metrics", client=CHARLIE, headers={"authorization": "Bearer right"})
    assert metrics.status == 200
    assert b'claw_queue_rows{queue="inbox",state="new"} 0.0' in metrics.body


@pytest.mark.parametrize(("token", "opens"), [("right", False), ("0123456789abcdefghijklmn", True)])
async def test_a_token_that_can_be_guessed_opens_nothing_to_who_guesses(
    token: str, opens: bool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "attempts", Attempts())
    settings.CLAW_GATEWAY_TOKEN = token

    async def details(given: str, client: str = CHARLIE) -> bool:
        found = await ask(entry.application, "/metrics", client=client, headers={"authorization": f"Bearer {given}"})
        return found.status == 200

    assert await details(token)
    for number in range(MOST_FAILURES + 1):
        assert not await details(f"guess {number}")
    assert await details(token) is opens
    assert await details(token, client="198.51.100.7")


@pytest.mark.sqlite  # elsewhere another thread of the database answers
async def test_a_database_that_does_not_answer_is_not_ready_but_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.2)
    fresh = Health()
    hangs, release = threading.Event(), threading.Event()

    def hang() -> None:
        """Keep the database thread, as a locked database does."""
        hangs.set()
        release.wait(20.0)

    busy = asyncio.create_task(run_db(hang))
    try:
        assert await asyncio.to_thread(hangs.wait, 20.0)
        found = await ask(fresh.ready, "/readyz")
        assert (found.status, found.body) == (503, b"the database does not answer in time\n")
        assert (await ask(entry.application, "/healthz")).status == 200
    finally:
        release.set()
        await busy
    async with asyncio.timeout(20):
        while (await ask(fresh.ready, "/readyz")).status != 200:  # noqa: ASYNC110 - it is the answer that is waited for
            await asyncio.sleep(0.01)


async def test_missing_migrations_are_not_ready() -> None:
    def forget() -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE django_migrations SET app = 'gone' WHERE app = 'sessions_app'")

    def remember() -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE django_migrations SET app = 'sessions_app' WHERE app = 'gone'")

    await run_db(forget)
    try:
        found = await ask(entry.application, "/readyz")
        assert found.status == 503
        assert b"migrations" in found.body
    finally:
        await run_db(remember)


async def test_a_stopping_process_is_not_ready_and_closes_its_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    class Socket:
        closed = 0

        async def close_for_restart(self, code: int) -> None:
            self.closed = code

    class Broken:
        async def close_for_restart(self, code: int) -> None:
            raise RuntimeError("gone")

    good, broken = Socket(), Broken()
    monkeypatch.setitem(sockets._state, "draining", False)
    for socket in (good, broken):
        sockets.register(socket)
    try:
        sockets.begin_draining()
        await sockets.close_all(seconds=5)
        assert good.closed == 1012
        late = Socket()
        sockets.register(late)
        await asyncio.gather(*sockets._late)
        sockets.unregister(late)
        assert late.closed == 1012
        assert (await ask(entry.application, "/readyz")).body == b"stopping\n"
        assert (await ask(entry.application, "/healthz")).status == 200
        sent, _ = await knock(entry.application, "/chat/socket", {"origin": "http://127.0.0.1:18789"})
        assert sent == ["websocket.close"]
    finally:
        for socket in (good, broken):
            sockets.unregister(socket)


async def test_every_declared_gauge_is_shown() -> None:
    shown = await run_db(lambda: {metric.name for metric in report.gauges(report.take_report())})
    assert shown == set(GAUGES)


def test_a_part_that_could_not_be_read_shows_nothing() -> None:
    """When the database does not answer, the counters are shown all the same."""
    for metric in report.gauges({"error": "internal error 1234"}):
        assert metric.samples == []


@pytest.mark.parametrize("is_up", [True, False])
def test_a_database_that_is_away_is_a_number(is_up: bool) -> None:
    found = {metric.name: metric for metric in report.gauges({"database_up": is_up})}
    assert [sample.value for sample in found["claw_database_up"].samples] == [is_up]
