"""Old rows go, and what may still be needed stays."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session as BrowserSession
from django.utils import timezone
from pytest_django import Settings

from clawsite.core.models import AuditEvent, Lease, Process, ServiceState, User
from clawsite.models import Authenticator
from clawsite.ops import housekeeping
from clawsite.ops.housekeeping import clean, expire_approvals
from guardrails.approvals import create_approval
from guardrails.models import VerdictRecord
from guardrails.types import Role
from runbooks.models import AlertGroup, AlertNotice, AlertStorm, Anomaly, MonitoredSystem
from sessions_app.models import Channel, Contact, Inbox, Outbox, Pairing, Session, Turn
from sessions_app.outbox import replay_row

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel() -> Channel:
    return Channel.objects.create(kind="telegram", name="main")


def days(count: float) -> timedelta:
    return timedelta(days=count)


def add_inbox(channel: Channel, name: str, *, age: float, state: str = "done") -> Inbox:
    return Inbox.objects.create(
        channel=channel, external_id=name, lane="1", raw="text", state=state, received_at=timezone.now() - days(age)
    )


def test_finished_updates_go_after_a_week_and_others_never(channel: Channel) -> None:
    add_inbox(channel, "old", age=8)
    add_inbox(channel, "old unparsed", age=8, state="unparsed")
    for name in ("new", "dead", "parked"):
        add_inbox(channel, name, age=30, state=name)
    add_inbox(channel, "young", age=6)
    assert clean()["inbox"] == 2
    assert set(Inbox.objects.values_list("external_id", flat=True)) == {"new", "dead", "parked", "young"}


def test_a_turn_outlives_the_text_of_its_update(channel: Channel) -> None:
    session = Session.objects.create(channel=channel, chat_id="1")
    row = add_inbox(channel, "old", age=8)
    Turn.objects.create(inbox=row, session=session, epoch=1, cost_usd="0.5")
    assert clean()["inbox"] == 1
    assert Turn.objects.get().inbox.raw == ""
    assert clean()["inbox"] == 0


def test_more_rows_than_one_batch_go_too(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", 3)
    for number in range(10):
        add_inbox(channel, str(number), age=8)
    assert clean()["inbox"] == 10


def test_sent_messages_go_after_a_month(channel: Channel) -> None:
    for state in ("sent", "expired", "dead", "new"):
        for age in (29, 31):
            Outbox.objects.create(
                channel=channel, chat_id="1", dedupe_key=f"{state}{age}", payload={}, state=state,
                created_at=timezone.now() - days(age),
            )  # fmt: skip
    assert clean()["outbox"] == 2
    assert not Outbox.objects.filter(dedupe_key__in=["sent31", "expired31"]).exists()
    assert Outbox.objects.count() == 6


def test_codes_nobody_used_and_processes_nobody_heard_of_go(channel: Channel) -> None:
    charlie = Contact.objects.create(channel=channel, external_id="9")
    now = timezone.now()
    Pairing.objects.create(contact=charlie, code="OLD", expires_at=now - days(2))
    Pairing.objects.create(contact=charlie, code="USED", expires_at=now - days(2), decided_at=now)
    Pairing.objects.create(contact=charlie, code="OPEN", expires_at=now + days(1))
    Process.objects.create(role="bots", host="elsewhere", pid=1, started=1, beat_at=now - days(2))
    Process.objects.create(role="bots", host="elsewhere", pid=2, started=1, beat_at=now)
    counts = clean()
    assert (counts["pairings"], counts["processes"]) == (1, 1)
    assert set(Pairing.objects.values_list("code", flat=True)) == {"USED", "OPEN"}
    assert Process.objects.get().pid == 2


def test_approvals_end_in_time() -> None:
    for seconds in (-1, 600):
        create_approval(
            "tool", subject_hash=str(seconds), summary="x", requested_by="contact:1", allowed=(), role=Role.ADMIN,
            session_ref="session:1", data={}, seconds=seconds,
        )  # fmt: skip
    assert expire_approvals() == 1
    assert expire_approvals() == 0


def test_records_of_guards_and_people_go_after_their_time(channel: Channel) -> None:
    for age in (100, 10):
        VerdictRecord.objects.create(stage="input", rule="size.chars", action="block", at=timezone.now() - days(age))
        AuditEvent.objects.create(actor="env", action="x", at=timezone.now() - days(age * 8))
        Lease.objects.create(name=f"lane:{age}", taken_at=timezone.now() - days(age * 0.5))
    counts = clean()
    assert (counts["verdicts"], counts["audit events"], counts["leases"]) == (1, 1, 1)


def test_an_answer_that_could_not_be_sent_for_days_expires_and_can_be_replayed(channel: Channel) -> None:
    for name, age in (("old", 4), ("young", 1)):
        Outbox.objects.create(
            channel=channel, chat_id="1", dedupe_key=name, payload={}, created_at=timezone.now() - days(age)
        )
    assert clean()["stale answers"] == 1
    expired = Outbox.objects.get(state="expired")
    assert expired.dedupe_key == "old"
    assert replay_row(expired.pk)
    assert Outbox.objects.filter(state="new").count() == 2


def test_uploads_go_after_a_week(channel: Channel, settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    folder = tmp_path / "uploads" / "visitor"
    folder.mkdir(parents=True)
    for name, age in (("old", 8), ("young", 1)):
        (folder / name).write_text("x")
        when = time.time() - age * 86_400
        os.utime(folder / name, (when, when))
    assert clean()["uploads"] == 1
    assert [path.name for path in folder.iterdir()] == ["young"]


def test_folders_of_killed_steps_go_after_two_days(settings: Settings, tmp_path: Path) -> None:
    settings.CLAW_HOME = tmp_path
    assert housekeeping.clean_folders() == 0
    for name, age in (("step-old", 3 * 86_400), ("step-new", 60)):
        folder = tmp_path / "steps" / name
        folder.mkdir(parents=True)
        (folder / "file").write_text("x", encoding="ascii")
        os.utime(folder, (time.time() - age,) * 2)
    assert housekeeping.clean_folders() == 1
    assert [path.name for path in (tmp_path / "steps").iterdir()] == ["step-new"]


def test_anomalies_that_are_over_go_after_three_months(channel: Channel) -> None:
    system = MonitoredSystem.objects.create(name="guardian")
    long_ago = timezone.now() - timedelta(days=91)

    def make(kind: str, *, ended: bool) -> None:
        end = long_ago if ended else None
        state = "resolved" if ended else "open"
        Anomaly.objects.create(
            system=system, query="tx", title="tx", series="s", kind=kind, state=state, started_at=long_ago,
            seen_at=long_ago, ended_at=end,
        )  # fmt: skip

    make("drop", ended=True)
    make("spike", ended=False)

    assert clean()["anomalies"] == 1
    assert [row.kind for row in Anomaly.objects.all()] == ["spike"]


def test_storms_go_a_year_after_their_end_and_not_before_their_groups(channel: Channel) -> None:
    session, now = Session.objects.create(channel=channel, chat_id="1"), timezone.now()
    AlertStorm.objects.create(session=session, ended_at=now - days(366))
    shown = AlertStorm.objects.create(session=session, ended_at=now - days(366))
    young = AlertStorm.objects.create(session=session, ended_at=now - days(364))
    lasting = AlertStorm.objects.create(session=session, started_at=now - days(400))
    group = AlertGroup.objects.create(key="1", group_key="1", title="disk")
    AlertNotice.objects.create(group=group, session=session, storm=shown)

    assert clean()["storms of alerts"] == 1
    assert set(AlertStorm.objects.all()) == {shown, young, lasting}

    AlertGroup.objects.update(state="resolved", resolved_at=now - days(366))
    assert clean()["storms of alerts"] == 1
    assert set(AlertStorm.objects.all()) == {young, lasting}


def test_what_browsers_left_goes() -> None:
    now = timezone.now()
    alice = User.objects.create_user("alice")
    for name, age in (("old", 1), ("new", -1)):
        BrowserSession.objects.create(session_key=name, session_data="", expire_date=now - days(age))
        made = AccessAttempt.objects.create(username=name, user_agent=name, failures_since_start=1)
        AccessAttempt.objects.filter(pk=made.pk).update(attempt_time=now - days(age + 0.1))
    Authenticator.objects.create(user=alice, name="app", confirmed=False, created_at=now - days(2))
    Authenticator.objects.create(user=alice, name="app", confirmed=True, created_at=now - days(2))
    clean()
    assert list(BrowserSession.objects.values_list("session_key", flat=True)) == ["new"]
    assert list(AccessAttempt.objects.values_list("username", flat=True)) == ["new"]
    assert [row.confirmed for row in Authenticator.objects.all()] == [True]


def test_services_that_nobody_has_heard_of_for_long_are_forgotten_however_they_did() -> None:
    old, now = timezone.now() - timedelta(days=91), timezone.now()
    for name, since, changed in (("gone", old, old), ("well", None, old), ("failing", old, now)):
        ServiceState.objects.create(kind="model", name=name, failing_since=since, changed_at=changed)
    clean()
    assert [row.name for row in ServiceState.objects.all()] == ["failing"]
