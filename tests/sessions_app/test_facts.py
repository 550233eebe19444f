"""Facts: remembered once, corrected, found, forgotten for good, bounded."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from clawsite.core.errors import BadInput
from sessions_app import facts, search
from sessions_app.models import Fact
from tests.sessions_app.people import People

pytestmark = pytest.mark.django_db


def texts(rows: list[Fact]) -> list[str]:
    return [fact.text for fact in rows]


def test_a_statement_is_remembered_once(people: People) -> None:
    first = facts.remember(people.alices, "I like green tea", source_seq=7)
    again = facts.remember(people.alices, "I  like the GREEN tea!")
    assert again == first
    assert (first.text, first.source_seq, first.origin) == ("I like green tea", 7, "extracted")
    assert Fact.objects.filter(session=people.alices).count() == 1


def test_a_correction_supersedes_and_keeps_the_old_version(people: People) -> None:
    old = facts.remember(people.alices, "My phone number is 555-1234")
    new = facts.remember(people.alices, "My new phone is 555-9999")
    old.refresh_from_db()
    assert (old.state, old.text) == (Fact.State.SUPERSEDED, "My phone number is 555-1234")
    assert new.supersedes == old
    assert texts(facts.recall(people.alices, "what is my phone number?")) == ["My new phone is 555-9999"]


def test_in_a_group_nobody_corrects_what_another_said_of_themselves(people: People) -> None:
    facts.remember(people.group, "The user's phone number is 555-1234")
    facts.remember(people.group, "The user's phone number is 555-9999")
    facts.remember(people.group, "Alice lives in Porto", author="Alice")
    facts.remember(people.group, "Bob lives in Oslo", author="Bob")
    facts.remember(people.group, "Alice's city is Faro", author="Alice")
    facts.remember(people.group, "Alice lives in Rome", author="Alice")
    assert set(texts(list(facts.list_facts(people.group).items))) == {
        "The user's phone number is 555-1234",
        "The user's phone number is 555-9999",
        "Bob lives in Oslo",
        "Alice's city is Faro",
        "Alice lives in Rome",
    }


def test_what_may_stand_side_by_side_is_kept(people: People) -> None:
    facts.remember(people.alices, "Ana is my sister")
    facts.remember(people.alices, "Ana is a doctor")
    assert len(facts.recall(people.alices, "who is Ana?")) == 2


def test_going_back_to_an_older_statement_works(people: People) -> None:
    for city in ("Porto", "Rome", "Porto"):
        facts.remember(people.alices, f"I live in {city}")
    assert texts(facts.recall(people.alices, "where do I live?")) == ["I live in Porto"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n ",
        "...",
        "x" * 501,
        "the token is ghp_" + "a1B2" * 9,
        "key sk-ant-api03-" + "Ab1_" * 24,
    ],
)
def test_what_cannot_be_kept_is_refused_in_words(people: People, text: str) -> None:
    with pytest.raises(BadInput) as refusal:
        facts.remember(people.alices, text)
    assert not Fact.objects.exists()
    assert "ghp_" not in refusal.value.message
    assert "sk-ant" not in refusal.value.message


def test_unknown_kinds_and_origins_are_refused(people: People) -> None:
    with pytest.raises(BadInput):
        facts.remember(people.alices, "a fact", kind="eternal")
    with pytest.raises(BadInput):
        facts.remember(people.alices, "a fact", origin="rumour")


def test_text_is_kept_as_one_visible_line(people: People) -> None:
    fact = facts.remember(people.alices, "likes\n\n\u202etea\x00 and\u2028cake")
    assert fact.text == "likes tea and cake"


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("How old is my cat?", "My cat Misha is 7 years old"),
        ("сколько лет кошке Мурке?", "Кошка Мурка родилась в 2019 году"),
        ("quando nasceu a minha irmã?", "Minha irmã nasceu em maio"),
        ("minha IRMA", "Minha irmã nasceu em maio"),
        ("MISHA", "My cat Misha is 7 years old"),
    ],
)
def test_a_question_finds_its_fact(people: People, question: str, found: str) -> None:
    for text in ("My cat Misha is 7 years old", "Кошка Мурка родилась в 2019 году", "Minha irmã nasceu em maio"):
        facts.remember(people.alices, text)
    assert texts(facts.recall(people.alices, question)) == [found]


@pytest.mark.parametrize(
    "query",
    [
        "", "?!", "what is the", '" OR 1=1 --', "NEAR(a b)", "norm:*", 'session : "s1"', "cat AND NOT cat*", "' | 'x",
        "a:*b", "\\", "%s %d", "x" * 10_000, " ".join(f"word{n}" for n in range(300)), "\0", "\ud800", "(((",
    ],
)  # fmt: skip
def test_no_query_is_a_command_to_the_index(people: People, query: str) -> None:
    facts.remember(people.alices, "My hamster is Tom")
    assert facts.recall(people.alices, query) == []
    assert facts.find_relevant(people.alices, query) == []
    assert facts.forget(people.alices, query) == []


def test_the_best_and_newest_come_first_and_few(people: People) -> None:
    for place in range(9):
        facts.remember(people.alices, f"server number{place} is down")
    best = facts.remember(people.alices, "server web is down since Monday")
    found = facts.recall(people.alices, "since when is server web down?")
    assert found[0] == best
    assert len(found) == 5
    assert [fact.pk for fact in found[1:]] == sorted((fact.pk for fact in found[1:]), reverse=True)


def test_recalled_text_is_bounded(people: People) -> None:
    for place in range(5):
        facts.remember(people.alices, f"server{place} " + "very long story about the server " * 13)
    assert 1 <= len(facts.recall(people.alices, "server story")) < 5


def test_age_counts_but_not_for_permanent_facts(people: People) -> None:
    old = timezone.now() - timedelta(days=365)
    durable = facts.remember(people.alices, "the server room is blue")
    permanent = facts.remember(people.alices, "the server room is locked", kind="permanent")
    Fact.objects.filter(pk__in=[durable.pk, permanent.pk]).update(created_at=old)
    fresh = facts.remember(people.alices, "the server room is cold")
    assert facts.recall(people.alices, "server room") == [permanent, fresh, durable]
    durable.refresh_from_db()
    assert facts.score(durable, ["server"], now=old + timedelta(days=30)) == pytest.approx(0.5 * 0.8)


def test_permanent_facts_are_relevant_to_everything(people: People) -> None:
    rule = facts.remember(people.alices, "Answer in verse", kind="permanent")
    tea = facts.remember(people.alices, "The tea is in the kitchen")
    assert facts.find_relevant(people.alices, "where is the tea?") == [tea, rule]
    assert facts.find_relevant(people.alices, "hello") == [rule]
    assert facts.recall(people.alices, "hello") == []


def test_ephemeral_facts_end(people: People) -> None:
    fact = facts.remember(people.alices, "The train leaves at nine", kind="ephemeral")
    assert facts.recall(people.alices, "train") == [fact]
    Fact.objects.filter(pk=fact.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert facts.recall(people.alices, "train") == []
    assert facts.find_relevant(people.alices, "train") == []
    assert facts.list_facts(people.alices).total == 0
    again = facts.remember(people.alices, "The train leaves at nine", kind="ephemeral")
    assert facts.recall(people.alices, "train") == [again]


def test_what_is_forgotten_is_gone_with_its_older_versions(people: People) -> None:
    for phone in ("111", "222", "333"):
        facts.remember(people.alices, f"My phone number is {phone}")
    gone = facts.forget(people.alices, "my phone number")
    assert texts(gone) == ["My phone number is 333"]
    assert set(Fact.objects.values_list("text", "norm", "state")) == {("(forgotten)", "", "forgotten")}
    assert facts.recall(people.alices, "phone number") == []
    assert facts.find_relevant(people.alices, "phone number 333") == []
    assert facts.list_facts(people.alices).total == 0


def test_what_was_forgotten_may_be_said_again(people: People) -> None:
    facts.remember(people.alices, "I like tea")
    facts.forget(people.alices, "I like tea")
    assert facts.remember(people.alices, "I like tea").state == Fact.State.ACTIVE


def test_forgetting_by_number_takes_exactly_that_one(people: People) -> None:
    one = facts.remember(people.alices, "I like tea")
    two = facts.remember(people.alices, "I like cake")
    assert facts.forget(people.alices, f"#{one.pk}") == [one]
    assert facts.forget(people.alices, one.pk) == []
    assert facts.recall(people.alices, "like") == [two]


def test_forgetting_by_words_needs_all_of_them(people: People) -> None:
    facts.remember(people.alices, "The blue car is fast")
    red = facts.remember(people.alices, "The red car is slow")
    assert facts.forget(people.alices, "red car") == [red]
    assert facts.forget(people.alices, "green car") == []


def test_many_are_never_forgotten_at_once_by_accident(people: People) -> None:
    for place in range(6):
        facts.remember(people.alices, f"car number{place} is fast")
    with pytest.raises(BadInput, match="6 facts"):
        facts.forget(people.alices, "car")
    assert facts.list_facts(people.alices).total == 6


def test_a_session_remembers_so_much_and_no_more(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "MAX_ACTIVE", 3)
    for name in ("one", "two", "three"):
        facts.remember(people.alices, f"thing {name}")
    with pytest.raises(BadInput, match="limit"):
        facts.remember(people.alices, "thing four")
    facts.forget(people.alices, "thing two")
    assert facts.remember(people.alices, "thing four").pk


def test_expired_facts_make_room(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "MAX_ACTIVE", 1)
    old = facts.remember(people.alices, "the train leaves", kind="ephemeral")
    Fact.objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(days=1))
    assert facts.remember(people.alices, "the bus leaves").pk


def test_five_hundred_facts_are_still_quick_to_add_to(people: People) -> None:
    rows = [Fact(session=people.alices, text=f"the box {n} is red", norm=f"the box {n} is red") for n in range(499)]
    search.index_facts(Fact.objects.bulk_create(rows))
    assert facts.remember(people.alices, "the last box is blue").pk
    assert facts.list_facts(people.alices, page=50).pages == 50


def test_pages_are_newest_first_and_forgiving(people: People) -> None:
    made = [facts.remember(people.alices, f"thing number{n}") for n in range(5)]
    page = facts.list_facts(people.alices, page=1, size=2)
    assert (page.items, page.page, page.pages, page.total) == ((made[4], made[3]), 1, 3, 5)
    assert facts.list_facts(people.alices, page=99, size=2).items == (made[0],)
    assert facts.list_facts(people.alices, page=-1, size=2).page == 1


def test_the_index_can_be_made_again(people: People) -> None:
    kept = facts.remember(people.alices, "The oven is called Vulcan")
    gone = facts.remember(people.alices, "The oven is old")
    facts.forget(people.alices, gone.pk)
    search.unindex_facts([kept.pk])
    assert search.rebuild_index() == 1
    assert facts.recall(people.alices, "oven") == [kept]


def test_recalling_notes_the_use(people: People) -> None:
    fact = facts.remember(people.alices, "The oven is called Vulcan")
    facts.recall(people.alices, "oven")
    fact.refresh_from_db()
    assert fact.used_at is not None


def test_a_fact_whose_row_is_rolled_back_is_not_found(people: People) -> None:
    with transaction.atomic():
        facts.remember(people.alices, "The oven is called Vulcan")
        transaction.set_rollback(True)
    assert facts.recall(people.alices, "oven") == []
