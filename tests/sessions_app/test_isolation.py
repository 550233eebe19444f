"""Nothing of one session is ever visible in another, and races leave one row."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessions_app import facts
from sessions_app.memory.summarize import plan_compaction, store_summary
from sessions_app.models import Fact, Session, Summary
from sessions_app.prompts.compose import compose_prompt
from sessions_app.prompts.layers import ensure_layers
from tests.sessions_app.people import fill, make_people, talk

WORDS = ("oven", "train", "phone", "cat", "server", "garden")
MARKS = {"alices": "alpha", "bobs": "bravo", "group": "gamma"}

step = st.tuples(st.sampled_from(sorted(MARKS)), st.sampled_from(["say", "remember", "forget"]), st.sampled_from(WORDS))


def everything(session: Session, word: str) -> str:
    """All that a prompt, a search and a list show of a session."""
    session.refresh_from_db()
    prompt = compose_prompt(
        session,
        user_text=f"what about the {word}?",
        user_seq=session.last_seq + 1,
        language="en",
        now=datetime(2026, 11, 20, tzinfo=UTC),
        window=200_000,
    )
    found = [*facts.recall(session, word), *facts.list_facts(session, size=100).items]
    return f"{prompt.system} {prompt.messages} {prompt.report} {[fact.text for fact in found]}"


@pytest.mark.django_db
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(step, min_size=1, max_size=12), st.sampled_from(WORDS))
def test_whatever_is_said_and_remembered_stays_in_its_session(steps: list[tuple[str, str, str]], word: str) -> None:
    people = make_people()
    for name, action, about in steps:
        session: Session = getattr(people, name)
        if action == "say":
            talk(session, f"{MARKS[name]} speaks of the {about}", f"yes, {MARKS[name]}")
        elif action == "remember":
            facts.remember(session, f"The {about} belongs to {MARKS[name]}")
        else:
            facts.forget(session, f"the {about}")
    for name, own in MARKS.items():
        shown = everything(getattr(people, name), word)
        assert not [mark for mark in MARKS.values() if mark != own and mark in shown]


@pytest.mark.django_db
def test_numbers_of_another_sessions_facts_open_nothing() -> None:
    people = make_people()
    secret = facts.remember(people.alices, "The safe opens at nine")
    assert facts.forget(people.bobs, secret.pk) == []
    assert facts.forget(people.bobs, f"#{secret.pk}") == []
    assert facts.forget(people.bobs, "The safe opens at nine") == []
    assert facts.recall(people.alices, "safe") == [secret]


@pytest.mark.django_db
def test_the_same_statement_in_two_sessions_is_two_facts() -> None:
    people = make_people()
    one = facts.remember(people.alices, "I like tea")
    two = facts.remember(people.bobs, "I like tea")
    assert one != two
    facts.forget(people.alices, "I like tea")
    assert facts.recall(people.bobs, "tea") == [two]


def race(*works: Callable[[], object]) -> list[BaseException]:
    """Run the works at the same moment on threads of their own; return what they raised."""
    errors: list[BaseException] = []
    start = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        try:
            start.wait(10)
            work()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    return errors


@pytest.mark.django_db(transaction=True)
def test_threads_that_remember_the_same_leave_one_fact() -> None:
    people = make_people()
    said = ["I like tea", "I like the tea", "i like TEA."]
    errors = race(*(lambda text=text: facts.remember(people.alices, text) for text in said * 2))
    assert errors == []
    assert Fact.objects.filter(session=people.alices, state=Fact.State.ACTIVE).count() == 1


@pytest.mark.django_db(transaction=True)
def test_threads_that_correct_the_same_leave_one_active() -> None:
    people = make_people()
    errors = race(*(lambda n=n: facts.remember(people.alices, f"My phone number is 55{n}") for n in range(6)))
    assert errors == []
    assert Fact.objects.filter(session=people.alices, state=Fact.State.ACTIVE).count() == 1
    assert Fact.objects.filter(session=people.alices, state=Fact.State.SUPERSEDED).count() == 5
    assert len(facts.recall(people.alices, "phone number")) == 1


@pytest.mark.django_db(transaction=True)
def test_threads_that_summarize_the_same_leave_one_summary() -> None:
    ensure_layers()
    people = make_people()
    fill(people.alices, 60)
    plan = plan_compaction(people.alices)
    assert plan is not None
    stored: list[bool] = []
    errors = race(*(lambda n=n: stored.append(store_summary(people.alices.pk, plan, f"notes {n}")) for n in range(4)))
    assert errors == []
    assert stored.count(True) == 1
    assert Summary.objects.filter(session=people.alices).count() == 1
