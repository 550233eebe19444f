"""The stories of the shift (seeds of the product, chapter 10): what one asks and does at night."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_bdd import given, parsers, scenarios, then, when

from runbooks.models import Anomaly, Incident, NamedQuery, Schedule
from runbooks.schedules import tick
from tests.features.night import Night
from tests.runbooks.alerts.deliveries import One, fire

pytestmark = pytest.mark.django_db(transaction=True)
scenarios("status.feature", "alertas.feature", "runbook.feature", "incidente.feature", "briefing.feature")
scenarios("anomalias.feature", "ajuda.feature")


@pytest.fixture
def fired() -> list[One]:
    """The alerts of this scenario, the newest last."""
    return []


@when(parsers.parse('o Alertmanager avisa que "{title}" é "{severity}"'))
def alert_fires(night: Night, fired: list[One], title: str, severity: str) -> None:
    alert_fires_in(night, fired, title, severity, "")


@when(parsers.parse('o Alertmanager avisa que "{title}" é "{severity}" no serviço "{service}"'))
def alert_fires_in(night: Night, fired: list[One], title: str, severity: str, service: str) -> None:
    notes = {"summary": title, "action": "Verificar API imediatamente"}
    labels = {"service": service} if service else {}
    name = f"Alert{len(fired)}"
    fired.append(One(name=name, severity=severity, annotations=notes, labels=labels, begins=timezone.now()))
    fire(fired[-1], at=timezone.now())


@when("o Alertmanager avisa que o alerta acabou")
def alert_ends(night: Night, fired: list[One]) -> None:
    over = fired[-1].begins + timedelta(milliseconds=1)
    last = fired[-1]
    ended = One(name=last.name, severity=last.severity, annotations=last.annotations, begins=last.begins, ends=over)
    fire(ended, at=timezone.now())


@then(parsers.parse("o chat de Bob tem {count:d} mensagem de alerta"))
def so_many_alerts(night: Night, count: int) -> None:
    marks = ("🚨", "⚠️", "✅ RESOLVED")
    assert len([text for text in night.shown("Bob") if text.startswith(marks)]) == count


@when(parsers.parse('Bob anota no incidente "{text}"'))
def notes(night: Night, text: str) -> None:
    night.writes("Bob", f"/incident note {Incident.objects.get().pk} {text}")


@when("Bob resolve o incidente")
def resolves(night: Night) -> None:
    night.writes("Bob", f"/incident resolve {Incident.objects.get().pk}")


@given(parsers.parse('que a métrica "{title}" também se chama "{words}"'))
def metric_has_names(night: Night, title: str, words: str) -> None:
    night.watches_metric(title, words)


@given(parsers.parse('que houve uma anomalia "{kind}" há {ago:d} minutos que durou {minutes:d} minutos'))
def anomaly_was_there(night: Night, kind: str, ago: int, minutes: int) -> None:
    query = NamedQuery.objects.get()
    begins = timezone.now() - timedelta(minutes=ago)
    ends = begins + timedelta(minutes=minutes)
    sign = -1 if kind == "drop" else 1
    Anomaly.objects.create(
        system=query.system, query=query.name, title=query.title, series="s", kind=kind, state="resolved",
        started_at=begins, seen_at=ends, ended_at=ends, zscore=2.8 * sign, robust=8.7 * sign, value=12, expected=1247,
    )  # fmt: skip


@when("chega a hora do briefing")
def hour_comes() -> None:
    assert Schedule.objects.filter(cron="0 0 * * *").update(next_due=timezone.now()) == 1
    assert tick() == 1
