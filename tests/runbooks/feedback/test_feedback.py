"""Opinions on jobs: one of each person, without secrets, summed up once a week for those who run the place."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from bots.cards.registry import CardView, render_card
from clawsite.core.models import AuditEvent
from runbooks.feedback import give_feedback, list_feedback
from runbooks.feedback.weekly import start_week
from runbooks.jobs import create_job
from runbooks.models import Feedback, Job
from runbooks.retention import clean_jobs
from runbooks.runner import perform
from sessions_app.accounts import remove_channel
from sessions_app.models import Card, Contact
from tests.runbooks.people import ALICE, BOB
from tests.sessions_app.people import make_people

pytestmark = pytest.mark.django_db
VIEW = CardView(zone=ZoneInfo("UTC"))


def job() -> Job:
    return create_job("selftest", actor=BOB)


def monday() -> datetime:
    """Return the next Monday, right after nine."""
    now = timezone.localtime()
    return (now + timedelta(days=7 - now.weekday())).replace(hour=9, minute=5)


def test_a_person_has_one_opinion_on_a_job() -> None:
    work = job()
    give_feedback(work, actor=BOB, good=False, reason="Too   slow")
    give_feedback(work, actor=BOB, good=False)
    give_feedback(work, actor=ALICE, good=True)
    assert [(row.name, row.good, row.reason) for row in list_feedback()] == [
        ("Alice", True, ""),
        ("Bob", False, "Too slow"),
    ]
    give_feedback(work, actor=BOB, good=True)
    assert Feedback.objects.get(subject=BOB.subject).reason == ""
    assert AuditEvent.objects.filter(action="feedback.give").count() == 4


def test_a_reason_keeps_no_secret() -> None:
    secret = "sk-ant-api03-" + "a1B2" * 12
    assert secret not in give_feedback(job(), actor=BOB, good=False, reason=f"It said {secret}").reason


def test_the_week_is_summed_up_once_for_the_admins() -> None:
    people = make_people()
    Contact.objects.filter(pk=people.alice.pk).update(external_id=people.alices.chat_id)
    give_feedback(job(), actor=BOB, good=False, reason="It forgot a test")
    give_feedback(job(), actor=ALICE, good=True)
    assert start_week(monday() - timedelta(hours=1)) == start_week(monday() + timedelta(days=1)) == ""
    key = start_week(monday())
    assert key
    assert start_week(monday() + timedelta(hours=2)) == key
    assert perform(Job.objects.get(key=key).pk)
    (card,) = Card.objects.all()
    assert card.session == people.alices
    text = render_card(card.kind, card.data, VIEW).text
    assert "7 days" in text
    assert "• selftest: 👍 1 · 👎 1" in text
    assert "👎 Bob: It forgot a test" in text


def test_a_week_without_opinions_is_not_spoken_of() -> None:
    assert start_week(monday()) == ""
    assert not Job.objects.exists()


def test_opinions_go_with_their_people() -> None:
    people = make_people()
    work = job()
    give_feedback(work, actor=people.bob.actor, good=True)
    give_feedback(work, actor=BOB, good=True)
    people.channel.kind = "telegram"
    people.channel.save()
    remove_channel(people.channel, actor=people.alice.actor)
    assert [row.subject for row in list_feedback()] == [BOB.subject]


def test_opinions_go_with_their_jobs() -> None:
    work = job()
    give_feedback(work, actor=BOB, good=True)
    Job.objects.update(created_at=timezone.now() - timedelta(days=40))
    assert clean_jobs() == 1
    assert not Feedback.objects.exists()
