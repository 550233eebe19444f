"""Near misses: what is asked back, and what is left to the model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.channels.base import Address, InboundMessage, Sender
from bots.commands.nearly import find_near, suggest
from bots.commands.phrases import match_phrase
from bots.commands.registry import match_message, match_nearly
from tests.bots.commands.conftest import make_context
from tests.bots.commands.test_matching import MUST, MUST_NOT
from tests.bots.commands.test_systems import OTHERS
from tests.sessions_app.people import People

NEAR = [
    ("status do sitema", "status", ""), ("status sistema", "status", ""), ("statsu do sistema", "status", ""),
    ("como esta o sistem", "status", ""), ("helth check", "status", ""), ("health chek?", "status", ""),
    ("статус систeмы", "status", ""), ("статус ситемы", "status", ""),
    ("mostra alerats", "alerts", ""), ("mostra alerta", "alerts", ""), ("alertass", "alerts", ""),
    ("probelmas", "alerts", ""), ("show please active alets", "alerts", ""), ("покажи алрты", "alerts", ""),
    ("executar runbok restart-api", "runbook", "restart-api"), ("run runbok clear-cache", "runbook", "clear-cache"),
    ("abrir incidnte API lenta", "incident", "api lenta"), ("start a new conversaton", "reset", ""),
]  # fmt: skip
FAR = [
    "", "ok", "thanks a lot", "status", "what is a status code?", "please summarise this file", "stat of the nation",
    "mostra as fotos", "alert me when it rains", "help me write an alert for my shop", "executar o programa de testes",
    "run a marathon with me", "how is the weather?", "como está o tempo?", "как погода?", "расскажи про систему",
    "problem solving exercises for kids", "abrir a janela", "system design interview", "health insurance check list",
    "what do you know about Brazil?", "show\nstatus of the sistem", "a " * 60,
]  # fmt: skip


def inbound(text: str, **fields: object) -> InboundMessage:
    made = {
        "external_id": "1", "kind": "message", "address": Address(chat_id="1"), "direct": True, "text": text,
        "sender": Sender(external_id="1"), "message_id": "7",
    }  # fmt: skip
    return InboundMessage(**{**made, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "name", "args"), NEAR)
def test_a_near_miss_is_asked_back(text: str, name: str, args: str) -> None:
    assert match_message(inbound(text), bot_username="clawbot") is None
    match = match_nearly(inbound(text), bot_username="clawbot")
    assert match is not None
    assert match.command.name == "suggest"
    assert match.args == f"{name} {args}".strip()


@pytest.mark.parametrize("text", [*FAR, *MUST_NOT, *OTHERS])
def test_other_texts_are_left_to_the_model(text: str) -> None:
    assert match_phrase(text) or find_near(text) is None, find_near(text)


def test_what_is_a_command_stays_one() -> None:
    for text, name, _args in MUST:
        match = match_message(inbound(text), bot_username="clawbot")
        assert match is not None
        assert match.command.name == name


def test_forwarded_and_edited_words_are_never_asked_about() -> None:
    for fields in ({"forwarded": True}, {"kind": "edit"}, {"kind": "callback"}):
        assert match_nearly(inbound("status do sitema", **fields), bot_username="clawbot") is None


@given(st.text(max_size=120))
def test_nothing_breaks_it(text: str) -> None:
    find_near(text)


def test_the_question_carries_a_button_that_does_it(people: People) -> None:
    match = match_nearly(inbound("executar runbok restart-api"), bot_username="clawbot")
    assert match is not None
    (message,) = match.command.run(make_context(people.bob, people.bobs, match.args))
    assert message.text == "Did you mean /runbook restart-api?"
    assert message.buttons[0][0].data == "cmd:runbook restart-api"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("/alrts", "/alerts"),
        ("/statuss guardian", "/status guardian"),
        ("/Runbok@clawbot x", "/runbook x"),
        ("/alertass", "/alerts"),
    ],
)
def test_a_misspelt_slash_command_has_its_question(people: People, typed: str, meant: str) -> None:
    (message,) = suggest(make_context(people.bob, people.bobs, ""), typed)
    assert message.text == f"Did you mean {meant}?"


def test_charlie_is_told_of_no_command_that_he_may_not_use(people: People) -> None:
    for typed in ("/alrts", "/runbok x", "/zzz", "/"):
        (message,) = suggest(make_context(people.charlie, people.group, ""), typed)
        assert message.text.startswith("I do not know this command.")
    match = match_nearly(inbound("mostra alerats"), bot_username="clawbot")
    assert match is not None
    (message,) = match.command.run(make_context(people.charlie, people.group, match.args))
    assert message.text.startswith("I do not know this command.")
