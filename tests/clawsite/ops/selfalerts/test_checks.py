"""What the checks find: each has rows that must be found and rows that must not, and words for both."""

from __future__ import annotations

import os
import shutil
import time
from collections import namedtuple
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.utils import timezone, translation
from pytest_django import Settings

from bots.cards.selfalert import _WORDS, render
from bots.reasons import recognize
from bots.service_kinds import KINDS
from clawsite.core.models import Process, User
from clawsite.core.services import note_failure, registry
from clawsite.models import Backup, Minute
from clawsite.ops.crashes import CrashLog
from clawsite.ops.selfalerts import machine, work
from clawsite.ops.selfalerts.checks import make_checks
from clawsite.ops.selfalerts.findings import Finding
from clawsite.ops.shipping import status
from clawsite.ops.shipping.spool import Spool, State, now
from runbooks.jobs import create_job
from runbooks.models import AlertWebhook
from sessions_app.models import Channel, Inbox, Outbox
from tests.clawsite.ops.selfalerts.people import view
from tests.runbooks.people import ALICE

pytestmark = pytest.mark.django_db

NOW = timezone.now()
Usage = namedtuple("Usage", "total used free")


def said(finding: Finding, *, closed: str = "") -> str:
    """Return what people read of a finding."""
    data = {
        "check": finding.check,
        "subject": finding.subject,
        "severity": str(finding.severity),
        "opened": NOW.isoformat(),
        "closed": closed,
        "numbers": finding.data,
    }
    return render(data, view()).text


def test_each_check_has_words_and_no_words_are_left_over() -> None:
    assert {check.name for check in make_checks()} == set(_WORDS)


def test_a_service_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_kinds", {})
    registry.register_service("shop", lambda: ["a", "b"])
    assert list(work.find_services(NOW)) == []
    note_failure("shop", "a", error="It is shut.")
    (found,) = work.find_services(timezone.now())
    assert (found.subject, found.severity) == ("shop a", "warning")
    assert said(found).startswith("⚠️ Shop a does not answer.\nIt is shut.\nSince ")
    assert said(found, closed=(NOW + timedelta(minutes=3)).isoformat()).startswith("✅ Over: Shop a does not answer.")


def test_each_kind_of_service_has_a_name() -> None:
    assert set(registry._kinds) <= set(KINDS)


def test_what_is_written_down_in_english_is_said_in_the_language_of_the_reader() -> None:
    away = {"kind": "mail", "name": "a", "error": "a cannot be reached.", "fallback": ""}
    with translation.override("pt-br"):
        assert said(Finding(check="service", data=away)).startswith("⚠️ Servidor de e-mail a não responde.\nNão")
        crash = {"deaths": 4, "how": "exit code 1"}
        assert "código de saída 1" in said(Finding(check="crashes", subject="bots", data=crash))
        assert "gone" in said(Finding(check="crashes", subject="bots", data={"deaths": 4, "how": "gone"}))


def test_a_role_that_is_gone() -> None:
    for pid, (role, age) in enumerate({"web": 0, "bots": 31, "worker": 29}.items()):
        beat = NOW - timedelta(seconds=age)
        Process.objects.create(role=role, host="h", pid=pid, started=1, beat_at=beat)
    (found,) = machine.find_roles(NOW)
    assert said(found).startswith("🚨 No process of the role bots is alive.")


def test_a_role_that_dies_again_and_again(settings: Any, tmp_path: Any) -> None:
    settings.RUN_DIR = tmp_path
    assert list(machine.find_crash_loops(NOW)) == []
    CrashLog(tmp_path).note("bots", deaths=4, how="exit code 1")
    (found,) = machine.find_crash_loops(NOW)
    assert "bots keeps dying (4 times in a row): exit code 1" in said(found)


def test_a_log_of_sqlite_that_is_not_copied(settings: Any, tmp_path: Path) -> None:
    settings.CLAW_ON_SQLITE, settings.CLAW_HOME, settings.CLAW_SHIPPING_SECONDS = True, tmp_path, 2
    worker = Process.objects.create(role="worker", host="h", pid=1, started=1, beat_at=NOW)
    assert list(work.find_log(NOW)) == []
    Process.objects.update(started_at=NOW - timedelta(minutes=11))
    (found,) = work.find_log(NOW)
    assert said(found).startswith("🚨 The database's log has not been fully copied for 11 min;")
    worker.delete()
    assert list(work.find_log(NOW)) == [], "nobody should be at it"

    Spool(tmp_path).save(State(chain="c", snapshot_at=1, moment=now() - 1_200_000))
    assert said(next(work.find_log(NOW))).startswith("🚨 The database's log has not been fully copied for 20 min;")
    settings.CLAW_SHIPPING_SECONDS = 0
    assert list(work.find_log(NOW)) == []


def test_a_log_of_postgresql_that_is_not_copied(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CLAW_ON_SQLITE, settings.CLAW_WAL_DIR = False, str(tmp_path)
    monkeypatch.setattr(status, "seconds_behind", lambda: 0.0)
    waits, other = tmp_path / ("0" * 24), tmp_path / ".draft"
    for path in (waits, other):
        path.touch()
        os.utime(path, (time.time() - 1200,) * 2)
    assert said(next(work.find_log(NOW))).startswith("🚨 The database's log has not been fully copied for 20 min;")
    waits.unlink()
    assert list(work.find_log(NOW)) == []
    settings.CLAW_WAL_DIR = ""
    assert list(work.find_log(NOW)) == []


@pytest.mark.parametrize(("free", "severity"), [(50, None), (11, None), (4, "warning"), (0.4, "critical")])
def test_a_disk_that_fills_up(monkeypatch: pytest.MonkeyPatch, free: float, severity: str | None) -> None:
    size = 1024**3
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100 * size, 0, int(free * size)))
    found = list(machine.find_disk(NOW))
    assert [each.severity for each in found] == ([severity] if severity else [])
    assert all("The disk is filling up" in said(each) for each in found)


def test_memory_that_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    Memory = namedtuple("Memory", "total available")
    for available, count in ((100, 0), (4, 1)):
        monkeypatch.setattr(psutil, "virtual_memory", lambda available=available: Memory(100, available))
        found = list(machine.find_memory(NOW))
        assert len(found) == count
        assert all("short of memory" in said(each) for each in found)


def test_a_clock_that_jumps_is_told_for_ten_minutes() -> None:
    passed, wall = 0.0, 1000.0
    jumps = machine.ClockJumps(clock=lambda: passed, wall=lambda: wall)
    passed, wall = 15.0, 1015.2
    assert list(jumps.find(NOW)) == []
    passed, wall = 30.0, 4630.0
    (found,) = jumps.find(NOW)
    assert "jumped by 3600 seconds" in said(found)
    passed, wall = 600.0, 5200.0
    assert len(list(jumps.find(NOW))) == 1
    passed, wall = 700.0, 5300.0
    assert list(jumps.find(NOW)) == []


def test_queues_that_stand_still() -> None:
    channel = Channel.objects.create(kind="webchat", name="web")
    row = Inbox.objects.create(channel=channel, external_id="1", lane="l", raw="{}", received_at=NOW)
    job = create_job("selftest", actor=ALICE, start=True)
    assert list(work.find_queues(NOW)) == []
    old = NOW - timedelta(seconds=200)
    Inbox.objects.filter(pk=row.pk).update(received_at=old)
    Outbox.objects.create(channel=channel, chat_id="1", dedupe_key="k", payload={}, created_at=old)
    type(job).objects.update(not_before=old)
    found = {each.subject: said(each) for each in work.find_queues(NOW)}
    assert set(found) == {"inbox", "outbox", "jobs"}
    assert "waited for an answer for 3 min" in found["inbox"]


def test_answers_that_cannot_be_sent() -> None:
    channel = Channel.objects.create(kind="webchat", name="web")
    for number in range(3):
        assert list(work.find_errors(NOW)) == []
        Outbox.objects.create(channel=channel, chat_id="1", dedupe_key=str(number), payload={}, state="dead")
    (found,) = work.find_errors(NOW)
    assert "3 answers could not be sent" in said(found)


def test_alerts_that_were_lost() -> None:
    for state, minutes in (("bad", 30), ("done", 1), ("new", 1)):
        at = NOW - timedelta(minutes=minutes)
        AlertWebhook.objects.create(body="{}", state=state, received_at=at, done_at=at)
    assert list(work.find_errors(NOW)) == []
    AlertWebhook.objects.create(body="{}", state="bad", received_at=NOW - timedelta(minutes=3), done_at=NOW)
    (found,) = work.find_errors(NOW)
    assert (found.severity, "1 delivery of alerts could not be worked on" in said(found)) == ("critical", True)


def test_a_poller_that_went_quiet() -> None:
    for name, kind, age in (("fresh", "telegram", 30), ("stale", "telegram", 600), ("own", "webchat", 600)):
        Channel.objects.create(kind=kind, name=name, token="1:x", last_poll_at=NOW - timedelta(seconds=age))
    Channel.objects.create(
        kind="telegram", name="hook", token="2:x", config={"mode": "webhook"}, last_poll_at=NOW - timedelta(days=1)
    )
    (found,) = work.find_pollers(NOW)
    assert "No messages have been fetched from stale for 10 min" in said(found)


def test_backups_that_are_old_or_missing() -> None:
    assert list(work.find_backup(NOW)) == [], "nobody works here yet"
    User.objects.create(username="alice", date_joined=NOW - timedelta(days=3))
    (found,) = work.find_backup(NOW)
    assert "no verified backup" in said(found)
    now = timezone.now()  # how old a backup is told by the clock, which may be far ahead of the beginning of a run
    Backup.objects.create(name="b", state="verified", started_at=now - timedelta(hours=2))
    assert list(work.find_backup(NOW)) == []
    Backup.objects.update(started_at=now - timedelta(hours=40))
    Backup.objects.create(name="c", state="failed", error="The disk is full.")
    (found,) = work.find_backup(NOW)
    assert "The last good backup is 40 hours old.\nThe disk is full." in said(found)


def test_a_place_for_backups_that_cannot_be_is_told_before_the_first_is_due(settings: Settings, tmp_path: Path) -> None:
    settings.CLAW_BACKUP_DIR = tmp_path / ("x" * 300)
    (found,) = work.find_backup(NOW)
    assert "no verified backup" in said(found)
    assert "cannot be written: File name too long. Let the user of this service write there (under systemd" in said(
        found
    )
    assert (known := recognize(str(found.data["error"])))
    assert known[1].endswith("set CLAW_BACKUP_DIR to another folder.")


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        (Finding(check="queue", subject="tasks", data={"rows": 120}), "120 tasks wait"),
        (Finding(check="errors", subject="answers", data={"bad": 5, "total": 9}), "5 of 9 messages"),
        (Finding(check="slow", data={"ms": 2500, "turns": 30}), "2500 ms longer than the model needs"),
        (Finding(check="level", subject="availability", data={"rate": 20.0}), "20.0 times as fast"),
        (Finding(check="gone", subject="x"), "gone x is not as it should be"),
    ],
)
def test_the_words_of_the_others(finding: Finding, words: str) -> None:
    assert words in said(finding)


def test_a_role_that_begins_anew_every_few_minutes() -> None:
    now, passed = timezone.now(), 0.0
    check = machine.Anew(clock=lambda: passed)
    for number in range(machine.ANEW_STARTS):
        starts = {"worker a pid:[1]": 1, "bots a pid:[1]": 1 if number else 0}
        Minute.objects.create(at=now - timedelta(minutes=20 * number), data={"starts": starts} if number else {})
    Minute.objects.create(at=now - timedelta(hours=3), data={"starts": {"bots a pid:[1]": 9}})
    assert list(check.find(now)) == []
    Minute.objects.create(at=now - timedelta(minutes=1), data={"starts": {"worker a pid:[1]": 1}})
    assert list(check.find(now)) == [], "it looks once a minute"
    passed = 60.0
    (found,) = check.find(now)
    assert said(found).startswith("⚠️ The role worker on a has restarted 6 times within two hours.\nIts log says why")
