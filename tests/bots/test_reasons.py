"""Reasons that were written down in English: recognized by their sentence, in whatever they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from django.conf import settings
from django.utils import translation

from bots.reasons import SENTENCES, recognize, say_reason
from clawsite.core.errors import ClawError
from guardrails.http import call
from guardrails.usage import Excess
from tests.ports import free_port
from tests.runbooks.books.making import done, step

HOST = "127.0.0.1"
WRITERS = ("guardrails", "runbooks", "clawsite/core", "clawsite/ops", "bots/agent", "bots/channels")


def written() -> str:
    """Return the code of all that writes reasons down, each text in one piece."""
    root = Path(settings.BASE_DIR)
    files = [root / "bots" / "probe.py", *(path for part in WRITERS for path in sorted((root / part).rglob("*.py")))]
    code = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return re.sub(r'"\n +f?"', "", code)


def test_every_sentence_is_one_that_is_still_written() -> None:
    code = written()
    for sentence in SENTENCES:
        pieces = re.split(r"\{\w+\}", sentence.replace("It ended with the ", ""))
        assert all(piece in code for piece in pieces), sentence


@pytest.mark.parametrize(
    ("text", "head", "sentence", "values"),
    [
        ("Its time was over.", "", "Its time was over.", {}),
        ("internal error 1a2b3c4d", "", "internal error {id}", {"id": "1a2b3c4d"}),
        ("Restart: now: Its time was over.", "Restart: now: ", "Its time was over.", {}),
        (
            "Wait: It was waited for in vain. 10.0.0.7:80 cannot be reached.", "Wait: ",
            "It was waited for in vain. {why}", {"why": "10.0.0.7:80 cannot be reached."},
        ),
        ("Run: It ended with the code 2: no file.", "Run: ", "It ended with the code {code}: {told}.",
         {"code": "2", "told": "no file"}),
        ("production is locked by Ann Lee since 2026-05-04 13:00: sale: do not touch", "",
         "{environment} is locked by {name} since {told}: {text}",
         {"environment": "production", "name": "Ann Lee", "told": "2026-05-04 13:00", "text": "sale: do not touch"}),
        ("Health check: It is not healthy: shop.a cannot be reached.", "Health check: ", "It is not healthy: {why}",
         {"why": "shop.a cannot be reached."}),
        ("The model does not answer: claude-a answered 529 overloaded_error.", "",
         "The model does not answer: {reason}",
         {"reason": "claude-a answered 529 overloaded_error."}),
        ("s3://a/b cannot be listed: the keys may not do this.", "", "{name} cannot be listed: {why}",
         {"name": "s3://a/b", "why": "the keys may not do this."}),
        ("mail.a does not take mail (SMTPAuthenticationError 535).", "", "{host} does not take mail ({told}).",
         {"host": "mail.a", "told": "SMTPAuthenticationError 535"}),
        ("There is no environment 'qa'. There are: staging, production.", "",
         "There is no environment {quoted}. There are: {told}.", {"quoted": "'qa'", "told": "staging, production"}),
    ],
)  # fmt: skip
def test_what_it_says_is_found(text: str, head: str, sentence: str, values: dict[str, str]) -> None:
    assert recognize(text) == (head, sentence, values)
    assert say_reason(text) == text  # in English it is said as it was


@pytest.mark.parametrize("text", ["", "Something else", "There is no such thing here.", "{place} {0} %s", "a: b: c"])
def test_what_is_not_known_is_shown_as_it_is(text: str) -> None:
    assert recognize(text) is None
    assert say_reason(text) == text


def test_a_reason_within_another_is_said_in_the_same_language() -> None:
    with translation.override("pt-br"):
        text = say_reason("The model does not answer: claude-a has sent nothing for 40 seconds.")
    assert text == "O modelo não responde: claude-a não envia nada há 40 segundos."


@pytest.mark.parametrize("resource", [each for each in get_args(Excess) if each])
def test_what_was_used_too_much_is_named_in_the_same_language(resource: str) -> None:
    with translation.override("ru"):
        text = say_reason(f"Build: It used too much and was ended: {resource}.")
    assert text.startswith("Build: Занято слишком много, работа остановлена: ")
    assert resource not in text


def test_a_call_that_fails_is_recognized() -> None:
    place = f"{HOST}:{free_port()}"
    with pytest.raises(ClawError) as caught:
        call(f"http://{place}/")
    assert recognize(caught.value.message) == ("", "{place} cannot be reached.", {"place": place})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("argv", [["false"], ["ls", "/no/such"]])
def test_a_step_that_fails_is_recognized(argv: list[str]) -> None:
    found = recognize(done(step("command", "Try it", argv=argv, host=[argv[0]])).error)
    assert found is not None
    assert found[0] == "Try it: "
    assert found[1].startswith("It ended with the code {code}")
