"""When two statements are one, when one corrects another, and when they are simply two."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.statements import count_met, fold, is_same_statement, key_words, stem, subject_key

SAME = [
    ("I like green tea", "i like  GREEN tea."),
    ("I like green tea", "I like the green tea!"),
    ("Moro em São Paulo", "moro em Sao Paulo"),
    ("Мой кот — Барсик", "мой кот — Барсик."),
    ("It\u2019s cold", "It's cold"),
]
DIFFERENT = [
    ("I like tea", "I don't like tea"),
    ("I like tea", "I do not like tea"),
    ("My phone is 555-1234", "My phone is 555-1235"),
    ("My son is Marc", "My son is Mark"),
    ("The flight goes from Porto to Rome", "The flight goes to Porto from Rome"),
    ("Ana is the boss of Bob", "Bob is the boss of Ana"),
    ("x > 5", "x < 5"),
    ("The limit is -5", "The limit is 5"),
    ("I smoke", "I smoked"),
    ("I write C", "I write C++"),
]


@pytest.mark.parametrize(("left", "right"), SAME)
def test_forms_of_one_statement_are_the_same(left: str, right: str) -> None:
    assert is_same_statement(fold(left), fold(right))


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_what_differs_in_a_name_a_number_or_a_not_stays_two(left: str, right: str) -> None:
    assert not is_same_statement(fold(left), fold(right))


SUBJECTS = [
    ("My phone number is 555", "phone number"),
    ("my new phone is 556", "phone number"),
    ("The user's name is Ana", "name"),
    ("Call me Ana", "name"),
    ("I live in Lisbon", "lives"),
    ("User moved to Porto", "lives"),
    ("I work at Acme", "works"),
    ("Meu telefone é 555", "phone number"),
    ("Me chamo Zé", "name"),
    ("Moro em Recife", "lives"),
    ("Мой телефон — 555", "phone number"),
    ("Меня зовут Аня", "name"),
    ("Я живу в Риге", "lives"),
    ("My favorite color is blue", "favorite color"),
]
NO_SUBJECT = [
    "Ana is my sister", "Ana is a doctor", "My hobby is chess", "My friend is Bob", "My name is not Bob",
    "I like living in Rome", "The number of users is 5", "Мой друг — Боб",
]  # fmt: skip


@pytest.mark.parametrize(("text", "key"), SUBJECTS)
def test_statements_with_one_value_at_a_time_have_a_subject(text: str, key: str) -> None:
    assert subject_key(fold(text)) == key


@pytest.mark.parametrize("text", NO_SUBJECT)
def test_statements_that_may_stand_beside_others_have_none(text: str) -> None:
    assert subject_key(fold(text)) == ""


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("phones", "My phone is 5"), ("phone", "two phones"), ("телефоны", "мой телефон 5"), ("кошку", "кошки спят"),
        ("gatos", "meu gato dorme"), ("cidade", "as cidades"),
    ],
)  # fmt: skip
def test_forms_of_a_word_find_each_other(question: str, text: str) -> None:
    assert count_met(key_words(fold(question)), fold(text)) == 1


@pytest.mark.parametrize(("question", "text"), [("phone", "phonetics of Danish"), ("555", "5551"), ("cat", "category")])
def test_other_words_with_the_same_beginning_do_not(question: str, text: str) -> None:
    assert count_met(key_words(fold(question)), fold(text)) == 0


@given(st.text(max_size=200))
def test_folding_is_idempotent_and_never_fails(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    assert is_same_statement(folded, folded)
    assert all(stem(word) for word in key_words(folded))
    assert isinstance(subject_key(folded), str)


def test_a_long_question_and_long_facts_cost_little() -> None:
    words = key_words(" ".join(f"word{number}x" for number in range(700)))
    norm = " ".join(f"word{number}x" for number in range(0, 700, 9))
    began = time.thread_time()  # of others that work on this machine it knows nothing
    for _ in range(40):
        count_met(words, norm)
    assert time.thread_time() - began < 0.3
