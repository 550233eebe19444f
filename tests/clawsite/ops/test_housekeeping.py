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
from clawsite.gateway.tokens import create_token, revoke_token, rotate_token
from clawsite.models import Authenticator, GatewayToken
from clawsite.ops import housekeeping
from clawsite.ops.housekeeping import clean, expire_approvals
from guardrails.approvals import create_approval
from guardrails.models import VerdictRecord
from guardrails.types import Actor, Role
from runbooks.models import (
    AlertGroup,
    AlertNotice,
    AlertStorm,
    Anomaly,
    MonitoredSystem,
    Responder,
    Schedule,
    ScheduleRun,
)
from runbooks.schedules import run_now, save_schedule, tick
from sessions_app.contacts import count_refusal, issue_pairing
from sessions_app.inbox import replay_row as replay_update
from sessions_app.models import Channel, Contact, GroupAccess, Inbox, Outbox, Pairing, Session, Turn
from sessions_app.outbox import replay_row
from sessions_app.sessions import add_message

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


def test_what_was_given_up_waits_two_years_for_somebody(channel: Channel) -> None:
    for age in (729, 731):
        add_inbox(channel, f"in {age}", age=age, state="dead")
        Outbox.objects.create(
            channel=channel, chat_id="1", dedupe_key=f"out {age}", payload={}, state="dead",
            created_at=timezone.now() - days(age),
        )  # fmt: skip
    counts = clean()
    assert (counts["inbox"], counts["dead letters"]) == (1, 1)
    assert [row.external_id for row in Inbox.objects.all()] == ["in 729"]
    assert [row.dedupe_key for row in Outbox.objects.all()] == ["out 729"]


def test_what_was_given_up_is_not_tried_again_without_its_text(channel: Channel) -> None:
    row = add_inbox(channel, "old", age=731, state="dead")
    Turn.objects.create(inbox=row, session=Session.objects.create(channel=channel, chat_id="1"), epoch=1)
    assert clean()["inbox"] == 1
    assert not replay_update(row.pk)
    assert Inbox.objects.get().state == "dead"


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


def test_whole_logs_of_environments_go_after_four_days(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    (tmp_path / "logs").mkdir()
    for name, age in (("old.log", 5), ("young.log", 3)):
        (tmp_path / "logs" / name).write_text("x")
        os.utime(tmp_path / "logs" / name, (time.time() - age * 86_400,) * 2)
    assert clean()["logs of environments"] == 1
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["young.log"]


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


def test_a_step_that_ends_meanwhile_takes_its_folder_and_stops_no_cleaning(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CLAW_HOME = tmp_path
    folder = tmp_path / "steps" / "step-at-work"
    folder.mkdir(parents=True)
    look = Path.lstat

    def ends_just_before(path: Path) -> os.stat_result:
        if path == folder and folder.exists():
            folder.rmdir()
        return look(path)

    monkeypatch.setattr(Path, "lstat", ends_just_before)
    assert clean()["folders of steps"] == 0
    assert not folder.exists()


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


def test_who_is_locked_out_for_three_days_stays_so(settings: Settings) -> None:
    settings.CLAW_LOGIN_LOCK_MINUTES = 3 * 24 * 60
    for name, age in (("over", 4), ("locked", 2)):
        made = AccessAttempt.objects.create(username=name, user_agent=name, failures_since_start=10)
        AccessAttempt.objects.filter(pk=made.pk).update(attempt_time=timezone.now() - days(age))
    assert clean()["wrong passwords"] == 1
    assert AccessAttempt.objects.get().username == "locked"


def test_services_that_nobody_has_heard_of_for_long_are_forgotten_however_they_did() -> None:
    old, now = timezone.now() - timedelta(days=91), timezone.now()
    for name, since, changed in (("gone", old, old), ("well", None, old), ("failing", old, now)):
        ServiceState.objects.create(kind="model", name=name, failing_since=since, changed_at=changed)
    clean()
    assert [row.name for row in ServiceState.objects.all()] == ["failing"]


def test_tokens_go_two_years_after_their_end_and_not_before_those_they_replaced() -> None:
    def make(name: str) -> GatewayToken:
        return create_token(name, scopes=["read"], actor="user:1")[0]

    live, fresh, revoked, rotated = (make(name) for name in ("live", "fresh", "revoked", "rotated"))
    newer, _ = rotate_token(rotated, actor="user:1")
    for token in (fresh, revoked, newer):
        revoke_token(token, actor="user:1")
    ended = timezone.now() - days(731)
    GatewayToken.objects.filter(pk__in=[revoked.pk, newer.pk]).update(revoked_at=ended)
    GatewayToken.objects.filter(pk=fresh.pk).update(revoked_at=timezone.now() - days(729))

    assert clean()["tokens"] == 1
    assert set(GatewayToken.objects.all()) == {live, fresh, rotated, newer}

    GatewayToken.objects.filter(pk=rotated.pk).update(expires_at=ended)
    assert clean()["tokens"] == 2
    assert set(GatewayToken.objects.all()) == {live, fresh}


def test_schedules_that_came_once_go_with_the_last_record_of_a_run() -> None:
    alice = Actor(subject="user:1", role=Role.ADMIN)
    soon = timezone.now() + timedelta(minutes=1)

    def save(name: str, **fields: object) -> Schedule:
        wanted = {"kind": "selftest", "when": "at", "at": soon} | fields
        return save_schedule(Schedule(name=name, **wanted), actor=alice)

    over, changed, by_hand, off = (save(name) for name in ("over", "changed", "by hand", "off"))
    always = save("always", when="cron", cron="0 2 * * *", at=None)
    Schedule.objects.filter(pk=off.pk).update(enabled=False, next_due=None)
    tick(soon)
    run_now(by_hand, actor=alice)
    past = timezone.now() - days(91)
    Schedule.objects.exclude(pk=always.pk).update(at=past, updated_at=past)
    Schedule.objects.filter(last_due=soon).update(last_due=past)
    ScheduleRun.objects.filter(by_hand=False).update(at=past)
    Schedule.objects.filter(pk=changed.pk).update(updated_at=timezone.now())

    assert clean()["schedules"] == 1
    assert set(Schedule.objects.all()) == {changed, by_hand, off, always}
    assert AuditEvent.objects.get(action="schedule.delete").subject == f"schedule:{over.pk}"


def test_strangers_nobody_let_in_go_three_months_after_their_last_answer(channel: Channel) -> None:
    past = timezone.now() - days(91)

    def meet(name: str, **fields: object) -> Contact:
        return Contact.objects.create(channel=channel, external_id=name, **{"seen_at": past, **fields})

    meet("gone")
    kept = [meet("young", seen_at=timezone.now() - days(89)), meet("shut out", state="blocked")]
    kept += [meet("in", state="approved"), meet("linked", user=User.objects.create_user("bob"))]
    asks, back, wrote, listed, on_call = (meet(name) for name in ("asks", "back", "wrote", "listed", "on call"))
    issue_pairing(asks)
    assert count_refusal(back)
    add_message(Session.objects.create(channel=channel, chat_id="1").pk, role="user", text="hi", contact_id=wrote.pk)
    GroupAccess.objects.create(channel=channel, chat_id="-1").members.add(listed)
    Responder.objects.create(contact=on_call)

    assert clean()["strangers"] == 1
    assert set(Contact.objects.all()) == {*kept, asks, back, wrote, listed, on_call}
