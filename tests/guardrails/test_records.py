"""Verdicts as rows: all but allows, cut to size, and gone when a person is to be forgotten."""

from __future__ import annotations

from contextlib import suppress

import pytest
from django.db import transaction

from clawsite.core.errors import Unavailable
from clawsite.core.metrics import VERDICTS
from guardrails.approvals import create_approval, decide
from guardrails.models import Approval, VerdictRecord
from guardrails.records import purge, record_verdicts
from guardrails.types import Action, Actor, Role, Stage, Verdict

WARN = Verdict(action=Action.WARN, stage=Stage.INPUT, rule="pii.email", score=0.5, detail="d" * 500)
ALLOW = Verdict(action=Action.ALLOW, stage=Stage.TOOL_CALL, rule="tool.allowed")


@pytest.mark.django_db(transaction=True)
def test_verdicts_are_kept_and_counted_but_not_allows() -> None:
    counter = VERDICTS.labels("input", "pii.email", "warn")
    before = counter._value.get()
    assert record_verdicts([WARN, ALLOW], subject="contact:7", session_ref="s1", trace_id="t1") == 1
    row = VerdictRecord.objects.get()
    assert (row.stage, row.rule, row.action, row.score) == ("input", "pii.email", "warn", 0.5)
    assert (row.subject, row.session_ref, row.trace_id, len(row.detail)) == ("contact:7", "s1", "t1", 200)
    with suppress(Unavailable), transaction.atomic():
        record_verdicts([WARN])
        raise Unavailable("This is run again.")
    assert counter._value.get() == before + 1


@pytest.mark.django_db
def test_allows_alone_cost_no_query(django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    with django_assert_num_queries(0):
        assert record_verdicts([ALLOW], subject="contact:7") == 0


@pytest.mark.django_db
def test_a_person_is_forgotten_but_for_what_still_waits() -> None:
    record_verdicts([WARN], subject="contact:7")
    record_verdicts([WARN], subject="contact:8")
    admin = Actor(subject="user:1", role=Role.ADMIN)
    for number in range(2):
        create_approval("k", subject_hash=f"{number}", summary="x", requested_by="contact:7")
    waiting = Approval.objects.get(subject_hash="1")
    decide(Approval.objects.get(subject_hash="0").key, actor=admin, approve=True)
    assert purge("contact:7") == 2
    assert list(VerdictRecord.objects.values_list("subject", flat=True)) == ["contact:8"]
    assert list(Approval.objects.all()) == [waiting]
