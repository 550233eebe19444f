"""What a system says of itself, well, ill, slow and wrong; and the breaker that leaves a broken one alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from clawsite.core.breaker import FAILURES
from clawsite.core.errors import BadInput, Unavailable
from guardrails.http import Reply
from runbooks.models import MonitoredSystem, SystemReading
from runbooks.sources.alertmanager import parse_alerts
from runbooks.sources.breaker import check_breaker, note_failure, note_success
from runbooks.sources.client import ask
from runbooks.sources.health import Health, parse_stats, read_health, read_stats
from tests.servers.guardian import GuardianServer

pytestmark = pytest.mark.django_db


def test_a_well_system(guardian: GuardianServer, system: MonitoredSystem) -> None:
    health = read_health(system)
    assert health == Health(status="healthy", uptime="99.97%")
    assert health.is_well
    stats = read_stats(system)
    assert stats.transactions_per_minute is not None
    assert 1100 < stats.transactions_per_minute < 1400
    assert (stats.approval_rate, stats.anomalies_last_hour, stats.active_alerts) == (94.2, 0, 0)
    assert stats.more == {"backlog": 0.0}


def test_an_ill_system_has_answered(guardian: GuardianServer, system: MonitoredSystem) -> None:
    guardian.misbehave("zero")
    health = read_health(system)
    assert (health.status, health.is_well) == ("unhealthy", False)
    assert read_stats(system).transactions_per_minute == 0
    assert not SystemReading.objects.filter(failures__gt=0).exists()


def test_a_restart_heals_it(guardian: GuardianServer, system: MonitoredSystem) -> None:
    guardian.misbehave("zero")
    guardian.misbehave("merchant")
    assert guardian.state()["approval_rate"] < 94
    MonitoredSystem.objects.update(stats_url=f"{guardian.url}/restart")
    system.refresh_from_db()
    assert ask(system, "stats", method="POST").status == 202
    assert read_health(system).is_well
    assert guardian.state()["troubles"] == {}


def test_a_read_is_tried_again(guardian: GuardianServer, system: MonitoredSystem) -> None:
    guardian.fault("status", method="/stats", times=2, status=503)
    assert read_stats(system).active_alerts == 0
    assert guardian.state()["asked"]["GET /stats"] == 3


def test_what_must_not_be_repeated_is_asked_once(guardian: GuardianServer, system: MonitoredSystem) -> None:
    guardian.fault("status", method="/stats", times=2, status=503)
    with pytest.raises(Unavailable, match="status 503"):
        ask(system, "stats", repeatable=False)
    assert guardian.state()["asked"]["GET /stats"] == 1


def test_answers_that_are_none(guardian: GuardianServer, system: MonitoredSystem) -> None:
    guardian.fault("garbage", method="/health")
    with pytest.raises(BadInput, match="without a status"):
        read_health(system)
    guardian.fault("garbage", method="/stats")
    with pytest.raises(BadInput, match="not JSON"):
        read_stats(system)
    guardian.fault("status", method="/health", status=500, times=3)
    with pytest.raises(Unavailable, match="status 500"):
        read_health(system)
    assert SystemReading.objects.get().failures == 1
    MonitoredSystem.objects.update(credentials="")
    system.refresh_from_db()
    for read in (read_health, read_stats):
        with pytest.raises(BadInput, match="credentials are missing or wrong"):
            read(system)


def test_what_has_no_address_is_not_asked(system: MonitoredSystem) -> None:
    system.health_url = ""
    with pytest.raises(BadInput, match="no address of health"):
        read_health(system)


def test_five_failures_open_the_breaker_and_one_call_may_try_later(system: MonitoredSystem) -> None:
    now = timezone.now()
    for _ in range(FAILURES):
        check_breaker(system, "health", now=now)
        note_failure(system, "health", "It is away.", now=now)
    with pytest.raises(Unavailable, match=r"left alone for a moment: It is away\."):
        check_breaker(system, "health", now=now + timedelta(seconds=29))
    check_breaker(system, "stats", now=now)  # another source is not meant
    later = now + timedelta(seconds=31)
    check_breaker(system, "health", now=later)
    with pytest.raises(Unavailable):
        check_breaker(system, "health", now=later)
    row = SystemReading.objects.get(source="health")
    assert (row.failures, row.failing_since) == (FAILURES, now)
    note_success(system, "health")
    check_breaker(system, "health", now=later)
    row.refresh_from_db()
    assert (row.failures, row.failing_since, row.open_until, row.error) == (0, None, None, "")


def test_a_broken_system_is_left_alone(guardian: GuardianServer, system: MonitoredSystem) -> None:
    guardian.fault("status", method="/stats", for_seconds=60, status=503)
    for _ in range(FAILURES):
        with pytest.raises(Unavailable):
            ask(system, "stats", repeatable=False)
    asked = guardian.state()["asked"]["GET /stats"]
    with pytest.raises(Unavailable, match="left alone"):
        read_stats(system)
    assert guardian.state()["asked"]["GET /stats"] == asked


@pytest.mark.parametrize(
    "body", [b'{"a": 1' + b"0" * 400 + b', "approval_rate": 1e400, "backlog": 7}', b'{"backlog": 7, "b": true}']
)
def test_numbers_beyond_all_bounds_are_left_out(body: bytes) -> None:
    stats = parse_stats(Reply(status=200, body=body))
    assert (stats.approval_rate, stats.more) == (None, {"backlog": 7.0})


def test_what_is_nested_without_end_is_not_json() -> None:
    with pytest.raises(BadInput, match="not JSON"):
        parse_stats(Reply(status=200, body=b"[" * 100_000))


def test_an_alert_whose_time_is_of_no_zone_is_refused() -> None:
    alert = b'[{"fingerprint": "a", "labels": {}, "startsAt": "2026-11-20T10:00:00", "status": {"state": "active"}}]'
    with pytest.raises(BadInput, match="is not Alertmanager"):
        parse_alerts(Reply(status=200, body=alert))
