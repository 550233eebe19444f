"""Approvals: who decides, that one decision wins, that time runs out, and what is written down."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from clawsite.core import audit
from clawsite.core.errors import NotAllowed
from clawsite.core.models import AuditEvent
from guardrails import approvals
from guardrails.approvals import create_approval, decide, expire_due, register_resumer
from guardrails.models import Approval
from guardrails.types import Actor, Role

ALICE = Actor(subject="user:1", role=Role.ADMIN, name="Alice")
BOB = Actor(subject="contact:2", role=Role.OPERATOR, name="Bob")
CHARLIE = Actor(subject="contact:3", name="Charlie")
VIEWER = Actor(subject="contact:4", role=Role.VIEWER)

KIND = "test_kind"


@pytest.fixture
def resumed() -> Iterator[list[tuple[str, str]]]:
    """Collect what the resumer of the test's kind is given: key and state."""
    seen: list[tuple[str, str]] = []
    register_resumer(KIND, lambda approval: seen.append((approval.key, approval.state)))
    yield seen
    del approvals._resumers[KIND]


def ask(*, seconds: float = 600, **more: object) -> Approval:
    """Ask for a decision as Bob."""
    values = {"subject_hash": "a" * 64, "summary": "Restart it", "requested_by": BOB.subject, **more}
    return create_approval(KIND, seconds=seconds, **values)  # type: ignore[arg-type]


@pytest.mark.django_db
@pytest.mark.parametrize(("approve", "outcome"), [(True, "approved"), (False, "rejected")])
def test_a_decision_is_kept_audited_and_picked_up(resumed: list[tuple[str, str]], approve: bool, outcome: str) -> None:
    approval = ask()
    decision = decide(approval.key, actor=ALICE, approve=approve)
    assert decision.outcome == outcome
    assert decision.approval is not None
    assert (decision.approval.state, decision.approval.decided_by) == (outcome, "user:1")
    assert resumed == [(approval.key, outcome)]
    event = AuditEvent.objects.get(subject=f"approval:{approval.key}")
    assert (event.action, event.actor, event.data["subject_hash"]) == (f"approval.{outcome}", "user:1", "a" * 64)


@pytest.mark.django_db
def test_the_first_decision_wins(resumed: list[tuple[str, str]]) -> None:
    approval = ask()
    assert decide(approval.key, actor=BOB, approve=False).outcome == "rejected"
    late = decide(approval.key, actor=ALICE, approve=True)
    assert late.outcome == "late"
    assert late.approval is not None
    assert late.approval.decided_by == BOB.subject
    assert len(resumed) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("approve", [True, False])
def test_charlie_decides_nothing_even_when_listed(resumed: list[tuple[str, str]], approve: bool) -> None:
    approval = ask(allowed=[CHARLIE.subject], requested_by=CHARLIE.subject, role=Role.STRANGER)
    assert decide(approval.key, actor=CHARLIE, approve=approve).outcome == "not_allowed"
    approval.refresh_from_db()
    assert approval.state == Approval.State.WAITING
    assert not resumed
    assert AuditEvent.objects.filter(action="approval.refused", actor=CHARLIE.subject).exists()


@pytest.mark.django_db
def test_a_refused_decision_is_written_down_once_also_when_it_undoes_what_is_around_it() -> None:
    approval = ask()

    def press() -> None:
        decide(approval.key, actor=CHARLIE, approve=True)
        raise NotAllowed("Only an operator may decide this.")

    with pytest.raises(NotAllowed), audit.keeping_refusals(), transaction.atomic():
        press()
    with audit.keeping_refusals(), transaction.atomic():
        decide(approval.key, actor=CHARLIE, approve=True)
    assert AuditEvent.objects.filter(action="approval.refused", actor=CHARLIE.subject).count() == 2


@pytest.mark.django_db
def test_role_or_name_lets_one_decide() -> None:
    assert decide(ask(role=Role.ADMIN).key, actor=BOB, approve=True).outcome == "not_allowed"
    assert decide(ask(role=Role.ADMIN, allowed=[BOB.subject]).key, actor=BOB, approve=True).outcome == "approved"
    assert decide(ask().key, actor=VIEWER, approve=True).outcome == "not_allowed"
    assert decide(ask(allowed=[VIEWER.subject]).key, actor=VIEWER, approve=True).outcome == "approved"


@pytest.mark.django_db
def test_one_may_decide_on_ones_own_request_unless_it_says_no() -> None:
    assert decide(ask().key, actor=BOB, approve=True).outcome == "approved"
    approval = ask(data={"no_self": True}, allowed=[BOB.subject])
    assert decide(approval.key, actor=BOB, approve=True).outcome == "not_allowed"
    assert decide(approval.key, actor=ALICE, approve=True).outcome == "approved"


@pytest.mark.django_db
def test_an_unknown_key_is_unknown() -> None:
    assert decide("nosuchkey", actor=ALICE, approve=True).outcome == "unknown"


@pytest.mark.django_db
def test_time_runs_out_for_presses_even_before_anything_expired_it(resumed: list[tuple[str, str]]) -> None:
    approval = ask(seconds=-1)
    assert decide(approval.key, actor=ALICE, approve=True).outcome == "late"
    assert not resumed
    assert expire_due() == 1
    assert resumed == [(approval.key, "expired")]
    assert expire_due() == 0
    events = AuditEvent.objects.filter(subject=f"approval:{approval.key}").order_by("pk")
    assert [(each.action, each.actor) for each in events] == [
        ("approval.late", ALICE.subject),
        ("approval.expired", "system"),
    ]


@pytest.mark.django_db
def test_what_is_not_due_or_decided_does_not_expire() -> None:
    waiting, decided = ask(), ask()
    decide(decided.key, actor=ALICE, approve=True)
    Approval.objects.filter(pk=decided.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert expire_due() == 0
    waiting.refresh_from_db()
    assert waiting.state == Approval.State.WAITING


@pytest.mark.django_db(transaction=True)
def test_a_failing_resumer_undoes_the_decision_and_stops_no_other() -> None:
    def fail(_: Approval) -> None:
        raise RuntimeError("broken")

    seen: list[str] = []
    register_resumer("broken_kind", fail)
    register_resumer(KIND, lambda approval: seen.append(approval.key))
    try:
        broken = create_approval("broken_kind", subject_hash="b", summary="x", requested_by="user:1", seconds=60)
        with pytest.raises(RuntimeError, match="broken"):
            decide(broken.key, actor=ALICE, approve=True)
        broken.refresh_from_db()
        assert broken.state == Approval.State.WAITING
        assert not AuditEvent.objects.filter(subject=f"approval:{broken.key}").exists()
        Approval.objects.filter(pk=broken.pk).update(expires_at=timezone.now() - timedelta(seconds=9))
        good = ask(seconds=-1)
        assert expire_due() == 1
        assert seen == [good.key]
    finally:
        del approvals._resumers["broken_kind"], approvals._resumers[KIND]


def test_a_kind_has_one_resumer() -> None:
    register_resumer("once", print)
    register_resumer("once", print)
    with pytest.raises(ValueError, match="already"):
        register_resumer("once", repr)  # type: ignore[arg-type]
    del approvals._resumers["once"]


@pytest.mark.django_db(transaction=True)
def test_of_two_presses_at_the_same_time_one_wins(resumed: list[tuple[str, str]]) -> None:
    for _ in range(5):
        approval = ask()
        outcomes: list[str] = []
        start = threading.Barrier(2)

        def press(
            actor: Actor, approve: bool, *, key: str = approval.key, start: threading.Barrier = start,
            outcomes: list[str] = outcomes,
        ) -> None:  # fmt: skip
            start.wait(10)
            outcomes.append(decide(key, actor=actor, approve=approve).outcome)
            connection.close()

        threads = [threading.Thread(target=press, args=pair) for pair in ((ALICE, True), (BOB, False))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sorted(outcomes) in (["approved", "late"], ["late", "rejected"])
    assert len(resumed) == 5
    assert AuditEvent.objects.filter(action__in=["approval.approved", "approval.rejected"]).count() == 5
