"""Commands answer in the language of the chat, and a change of it holds at once."""

from __future__ import annotations

import pytest

from sessions_app import facts
from tests.bots.commands.conftest import Say
from tests.sessions_app.people import People


@pytest.mark.parametrize(
    ("language", "line", "words"),
    [
        ("ru", "помощь", "Пишите своими словами"),
        ("ru", "статус системы", "Я на связи."),
        ("ru", "что ты помнишь?", "Я помню здесь 3 факта:"),
        ("ru", "забудь мой чай", "Ничего такого я не помню."),
        ("pt-br", "ajuda", "Escreva com suas palavras"),
        ("pt-br", "status do sistema", "Estou pronto."),
        ("pt-br", "o que você lembra?", "Lembro 3 fatos aqui:"),
        ("pt-br", "/settings trigger talvez", "Não conheço “talvez”"),
    ],
)
def test_answers_are_in_the_language_of_the_chat(
    people: People, say: Say, language: str, line: str, words: str
) -> None:
    for thing in ("oven", "train", "garden"):
        facts.remember(people.bobs, f"the {thing} is green")
    assert words in say(people.bob, people.bobs, line, language=language)[0].text


def test_a_new_language_holds_for_its_own_confirmation(people: People, say: Say) -> None:
    answer = say(people.bob, people.bobs, "/settings language ru", language="en")[0]
    assert answer.text == "Готово. Язык: Русский."
    assert answer.buttons[0][0].label == "Настройки"
