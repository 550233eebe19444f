"""Old rows go, and what may still be needed stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from clawsite.core.models import Process
from clawsite.ops import housekeeping
from clawsite.ops.housekeeping import clean, expire_approvals
from guardrails.approvals import create_approval
from guardrails.types import Role
from sessions_app.models import Channel, Contact, Inbox, Outbox, Pairing, Session, Turn

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
