"""Which texts are commands: slashes, phrases in three languages, buttons, and what must not be taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.commands.base import BUTTON_BYTES, command_button
from bots.commands.catalog import register
from bots.commands.phrases import PHRASES, _compiled, add_phrases
from bots.commands.registry import Command, all_commands, command_hints, find_command_line, match_command

MUST = [
    ("/help", "help", ""),
    ("/HELP", "help", ""),
    ("/help@clawbot", "help", ""),
    ("/Help@ClawBot settings", "help", "settings"),
    ("  /forget   my old phone ", "forget", "my old phone"),
    ("/start payload_123", "start", "payload_123"),
    ("/new-chat", "reset", ""),
    ("/new_chat", "reset", ""),
    ("/settings language ru", "settings", "language ru"),
    ("/forget\n12", "forget", "12"),
    ("@clawbot status", "status", ""),
    ("@clawbot, /status", "status", ""),
    ("@copilot status", "status", ""),
    ("anomalias última hora", "anomalies", "hora"),
    ("Anomalias últimas 2 horas", "anomalies", "2 horas"),
    ("anomalias nas últimas 24h", "anomalies", "24h"),
    ("anomalias hoje", "anomalies", "hoje"),
    ("mostra as anomalias", "anomalies", ""),
    ("anomalies last 2 hours", "anomalies", "2 hours"),
    ("anomalies in the last hour", "anomalies", "hour"),
    ("anomalies 6h", "anomalies", "6h"),
    ("anomalies", "anomalies", ""),
    ("аномалии за час", "anomalies", "час"),
    ("аномалии за последние 2 часа", "anomalies", "последние 2 часа"),
    ("аномалии сегодня", "anomalies", "сегодня"),
    ("metrics approval rate 6h", "metrics", "approval rate 6h"),
    ("métricas", "metrics", ""),
    ("gráfico de transações últimas 2 horas", "metrics", "transacoes ultimas 2 horas"),
    ("покажи график одобрений", "metrics", "одобрении"),
    # English
    ("help", "help", ""),
    ("Help!", "help", ""),
    ("status", "status", ""),
    ("Show system status", "status", ""),
    ("what do you remember about me?", "memory", ""),
    ("What do you remember", "memory", ""),
    ("forget my old address", "forget", "my old address"),
    ("Forget that I like tea.", "forget", "i like tea"),
    ("new conversation", "reset", ""),
    ("start over", "reset", ""),
    ("stop", "stop", ""),
    ("Cancel.", "stop", ""),
    ("settings", "settings", ""),
    ("show the context", "context", ""),
    ("pairing code", "pair", ""),
    # Portuguese
    ("status do sistema", "status", ""),
    ("Estado do sistema", "status", ""),
    ("ajuda", "help", ""),
    ("O que você sabe fazer?", "help", ""),
    ("esquece o meu telefone", "forget", "o meu telefone"),
    ("Esqueça que moro em Recife", "forget", "moro em recife"),
    ("o que você lembra de mim?", "memory", ""),
    ("nova conversa", "reset", ""),
    ("configurações", "settings", ""),
    ("pare", "stop", ""),
    ("código de pareamento", "pair", ""),
    # Russian
    ("статус системы", "status", ""),
    ("Статус", "status", ""),
    ("помощь", "help", ""),
    ("Что ты умеешь?", "help", ""),
    ("забудь мой старый адрес", "forget", "мои старыи адрес"),
    ("что ты помнишь обо мне?", "memory", ""),
    ("новый разговор", "reset", ""),
    ("настройки", "settings", ""),
    ("стоп", "stop", ""),
    ("мой код сопряжения", "pair", ""),
]
MUST_NOT = [
    "anomalies were found in my data", "there are anomalies", "anomalias no meu código são comuns",
    "", "/", "hello", "/nosuchcommand", "/help@otherbot", "/etc/passwd", "/help/me", "//help", "/ help", "/status.",
    "can you help me with my homework?", "help, my server is down", "I need help", "what is the status of order 7?",
    "status of the union", "the status is red", "stop using tabs in my code", "how do I stop the server?",
    "forget it", "Forget it, let's move on", "forget about the meeting", "forget everything", "forget this",
    "don't forget my birthday", "please do not forget to call", "forget the meeting, I will be late",
    "forget all of this; tell me a joke", "forget what I said before", "I forget my password every week",
    "forget one two three four five six seven eight nine",
    "ajuda o meu irmão com a tarefa", "preciso de ajuda com o deploy", "qual é o status do sistema de vendas?",
    "esquece", "esquece isso", "esquece tudo", "não esquece o meu aniversário", "esquece, deixa pra lá",
    "para o servidor de produção", "para quem é isso?", "começar uma nova conversa com o cliente",
    "помощь нужна с сервером", "помоги мне написать письмо", "какой статус системы у клиента?", "забудь",
    "забудь об этом", "забудь всё", "не забудь мой день рождения", "забудь, проехали", "стоп-кран сломан",
    "остановись на этом месте и объясни", "help\nme please", "status " * 30,
    "@somebody status", "email me at bot@clawbot status",
]  # fmt: skip


@pytest.mark.parametrize(("text", "name", "args"), MUST)
def test_commands_are_recognized(text: str, name: str, args: str) -> None:
    match = match_command(text, bot_username="ClawBot")
    assert match is not None
    assert (match.command.name, match.args) == (name, args)


@pytest.mark.parametrize("text", MUST_NOT)
def test_ordinary_sentences_are_left_to_the_model(text: str) -> None:
    assert match_command(text, bot_username="ClawBot") is None


@given(st.text(max_size=300))
def test_no_text_breaks_the_matching(text: str) -> None:
    found = match_command(text, bot_username="ClawBot")
    assert found is None or found.command in all_commands()


def test_long_arguments_are_cut() -> None:
    match = match_command("/forget " + "x" * 5000, bot_username="")
    assert match is not None
    assert len(match.args) == 1000


def test_every_command_has_phrases_for_every_language_or_for_none() -> None:
    known = {command.name for command in all_commands()}
    assert set(PHRASES) <= known
    assert all(set(by_language) == {"en", "pt", "ru"} for by_language in PHRASES.values())
    assert known - set(_compiled) == {"gitops", "put", "start", "suggest"}


def test_a_button_stands_for_a_command_line() -> None:
    match = find_command_line("settings language ru")
    assert match is not None
    assert (match.command.name, match.args) == ("settings", "language ru")
    assert find_command_line("nosuch thing") is None
    assert find_command_line("") is None


def test_a_button_never_carries_more_than_the_platform_allows() -> None:
    button = command_button("Go", "settings", "language ru")
    assert button is not None
    assert button.data == "cmd:settings language ru"
    assert command_button("Go", "settings", "я" * 40) is None
    fits = command_button("Go", "x", "y" * (BUTTON_BYTES - len("cmd:x ")))
    assert fits is not None
    assert len(fits.data) == BUTTON_BYTES


def test_a_name_cannot_be_registered_twice() -> None:
    taken = all_commands()[0]
    register(taken)
    with pytest.raises(ValueError, match="two commands"):
        register(Command(name="Facts", description="", run=taken.run))


def test_other_parts_can_teach_phrases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bots.commands.phrases._compiled", {})
    add_phrases("status", "how are you doing, [my] claw?")
    match = match_command("How are you doing, claw", bot_username="")
    assert match is not None
    assert match.command.name == "status"


def test_the_menu_is_in_three_languages_and_short() -> None:
    hints = command_hints()
    assert set(hints) == {"", "pt", "ru"}
    for rows in hints.values():
        assert [row.name for row in rows][:2] == ["start", "help"]
        assert all(3 <= len(row.description) <= 60 for row in rows)
        assert all(row.name.isascii() and row.name == row.name.lower() for row in rows)
