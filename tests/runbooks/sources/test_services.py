"""The clients against real Prometheus and Alertmanager, which watch the example system."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from clawsite.core.errors import BadInput, Unavailable
from runbooks.models import MonitoredSystem, NamedQuery
from runbooks.sources.alertmanager import ListedAlert, Matcher, create_silence, expire_silence, list_alerts
from runbooks.sources.prometheus import query, query_range
from tests.clawsite.running import until
from tests.programs import need_program
from tests.runbooks.books.making import done, output, states, step
from tests.servers.guardian import MERCHANTS, GuardianServer
from tests.servers.monitoring import QUICK, TEMPLATES, AlertmanagerService, PrometheusService, write_config

pytestmark = [pytest.mark.services, pytest.mark.django_db]

# The receiver as the user wrote it, with the other receiver that their route names.
RECEIVER = """
receivers:
  - name: 'clawdbot-critical'
    webhook_configs:
      - url: 'http://localhost:18789/webhook/alertmanager'
        send_resolved: true
        http_config:
          bearer_token: '${CLAWDBOT_TOKEN}'
  - name: 'slack-monitoring'

route:
  receiver: 'slack-monitoring'
  routes:
    # Alertas críticos vão para Clawdbot (celular pessoal)
    - match:
        severity: critical
      receiver: 'clawdbot-critical'
      continue: true
"""


@dataclass(frozen=True)
class Watch:
    """The example system and who watches it."""

    guardian: GuardianServer
    prometheus: PrometheusService
    alertmanager: AlertmanagerService


@pytest.fixture(scope="module")
def watch() -> Iterator[Watch]:
    """One for all tests here."""
    programs = need_program("prometheus"), need_program("prometheus-alertmanager")
    with GuardianServer().running() as guardian, AlertmanagerService.running(programs[1]) as alertmanager:
        hosts = (guardian.url.removeprefix("http://"), alertmanager.url.removeprefix("http://"))
        with PrometheusService.running(programs[0], *hosts) as prometheus:
            yield Watch(guardian, prometheus, alertmanager)


@pytest.fixture
def system(watch: Watch) -> MonitoredSystem:
    """Its row."""
    return MonitoredSystem.objects.create(
        name="guardian", prometheus_url=f"{watch.prometheus.url}/", alertmanager_url=watch.alertmanager.url
    )


def find_alert(system: MonitoredSystem, name: str) -> ListedAlert | None:
    return next((alert for alert in list_alerts(system) if alert.name == name), None)


def test_values_now_and_over_time(system: MonitoredSystem) -> None:
    up = until(lambda: query(system, "up"), seconds=60, what="the first scrape")
    assert (up[0].value, up[0].labels["job"]) == (1.0, "guardian")
    merchants = until(
        lambda: query(system, "sum by (merchant) (guardian_transactions_total) > 0"), seconds=60, what="transactions"
    )
    assert {sample.labels["merchant"] for sample in merchants} <= set(MERCHANTS)
    assert (
        query(system, "1 + 1")[0] == query(system, "1 + 1", at=timezone.now())[0] or query(system, "2")[0].labels == {}
    )
    assert str(query(system, "vector(0) / 0")[0].value) == "nan"
    assert query(system, "no_such_series") == []
    assert query(system, "up", at=timezone.now() - timedelta(days=1)) == []
    now = timezone.now()
    series = query_range(system, "guardian_transactions_per_minute", now - timedelta(seconds=60), now, 0.5)
    assert len(series) == 1
    assert series[0].points == sorted(series[0].points)
    assert all(1000 < value < 1500 for _, value in series[0].points)


@pytest.mark.django_db(transaction=True)
def test_a_step_of_a_runbook_asks_and_holds_the_answer_to_its_condition(system: MonitoredSystem) -> None:
    def ask(title: str, value: float, **given: str) -> dict[str, Any]:
        return step("prometheus", title, system="guardian", op="==", value=value, **given)

    until(lambda: query(system, "up"), seconds=60, what="the first scrape")
    NamedQuery.objects.create(system=system, name="up", title="Up", promql="max(up)")
    job = done(
        ask("Up", 1, query='up{job="guardian"}'),
        ask("By its name", 1, named="up"),
        ask("Nobody", 1, query="no_such_series") | {"on_failure": "continue"},
        ask("Down", 0, query="up"),
    )
    assert states(job) == ["ok", "ok", "failed", "failed"]
    assert "job=guardian: 1" in output(job)
    assert (job.state, job.error[:20]) == ("failed", "Down: The value is 1")


def test_what_prometheus_refuses_has_its_own_words(system: MonitoredSystem) -> None:
    with pytest.raises(BadInput, match=r"does not take this expression.*parse error"):
        query(system, "sum(")
    with pytest.raises(BadInput, match="range of values"):
        query(system, "up[1m]")
    now = timezone.now()
    with pytest.raises(BadInput, match="at most 11000 steps"):
        query_range(system, "up", now - timedelta(days=1), now, 1)
    system.prometheus_url = system.alertmanager_url
    with pytest.raises(BadInput, match="answered with status 404"):
        query(system, "up")


def test_an_alert_is_listed_silenced_and_heard_again(watch: Watch, system: MonitoredSystem) -> None:
    watch.guardian.misbehave("zero")
    try:
        alert = until(lambda: find_alert(system, "ZeroTransactions"), seconds=60, what="the alert fires")
        assert (alert.severity, alert.status.state, alert.annotations["runbook"]) == (
            "critical",
            "active",
            "restart-api",
        )
        assert abs(timezone.now() - alert.starts_at) < timedelta(minutes=1)
        now = timezone.now()
        matchers = [
            Matcher(name="alertname", value="ZeroTransactions"),
            Matcher(name="merchant", value=".+", is_regex=True, is_equal=False),
        ]
        key = create_silence(system, matchers, now, now + timedelta(hours=1), "Alice", "known ‚é’")
        silenced = until(lambda: _silenced(system), seconds=60, what="the silence holds")
        assert silenced.status.silenced_by == [key]
        expire_silence(system, key)
        until(lambda: not _silenced(system), seconds=60, what="it is heard again")
        expire_silence(system, key)
    finally:
        watch.guardian.behave()
    until(lambda: not find_alert(system, "ZeroTransactions"), seconds=60, what="the alert is resolved")


def _silenced(system: MonitoredSystem) -> ListedAlert | None:
    alert = find_alert(system, "ZeroTransactions")
    return alert if alert and alert.status.state == "suppressed" else None


def test_what_alertmanager_refuses_has_its_own_words(system: MonitoredSystem) -> None:
    now = timezone.now()
    some = [Matcher(name="alertname", value="X")]
    with pytest.raises(BadInput, match="Alertmanager does not take this"):
        create_silence(system, some, now - timedelta(hours=2), now - timedelta(hours=1), "Alice", "late")
    with pytest.raises(BadInput, match="Alertmanager does not take this"):
        create_silence(system, [], now, now + timedelta(hours=1), "Alice", "all")
    with pytest.raises(BadInput, match="not the id"):
        expire_silence(system, "../alerts")
    expire_silence(system, "00000000-0000-4000-8000-000000000000")


def test_who_does_not_answer_is_unavailable(watch: Watch, system: MonitoredSystem) -> None:
    watch.alertmanager.freeze()
    try:
        with pytest.raises(Unavailable, match="within"):
            list_alerts(system, seconds=0.5)
    finally:
        watch.alertmanager.thaw()
    assert isinstance(list_alerts(system), list)


def test_the_users_receiver_is_taken_as_it_stands(tmp_path: Path) -> None:
    config = tmp_path / "alertmanager.yml"
    config.write_text(RECEIVER, encoding="utf-8")
    amtool = need_program("amtool")
    done = subprocess.run(
        [amtool, "check-config", str(config)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 receivers" in done.stdout
    routes = subprocess.run(
        [amtool, "config", "routes", "test", f"--config.file={config}", "severity=critical"],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert routes.stdout.strip() == "clawdbot-critical"


def test_the_examples_own_files_are_right(tmp_path: Path) -> None:
    values = QUICK | {"WEBHOOK": "http://127.0.0.1:18789/webhook/alertmanager", "TOKEN": "t"}
    values |= {"GUARDIAN": "127.0.0.1:8001", "ALERTMANAGER": "127.0.0.1:9093"}
    for name in ("alertmanager.yml", "rules.yml", "prometheus.yml"):
        assert (TEMPLATES / name).exists()
        write_config(name, tmp_path, values)
    for command in (
        [need_program("amtool"), "check-config", "alertmanager.yml"],
        [need_program("promtool"), "check", "config", "prometheus.yml"],
    ):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
