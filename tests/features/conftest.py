"""The steps that all stories share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from pytest_bdd import given, parsers, then, when

from bots.skills.folder import skills_root
from bots.skills.offered import forget_cached
from runbooks.models import Run
from tests.features.night import Night, open_night


@pytest.fixture
def night() -> Iterator[Night]:
    """One night; no skill is left from another. The modules of stories ask for the database themselves."""
    forget_cached()
    with open_night() as opened:
        yield opened
    forget_cached()
    shutil.rmtree(skills_root(), ignore_errors=True)


@given("que o Transaction Guardian é monitorado")
def guardian_is_watched(night: Night) -> None:
    night.watches_guardian()


@given("que nenhuma transação passa mais")
def nothing_passes(night: Night) -> None:
    night.guardian.misbehave("zero")
    night.reads_systems()


@given(parsers.parse('que {who:w} escreveu "{text}"'))
@when(parsers.parse('{who:w} escreve "{text}"'))
def writes(night: Night, who: str, text: str) -> None:
    night.writes(who, text)


@when("o trabalho é feito")
def work_is_done(night: Night) -> None:
    night.works()


@when(parsers.parse('{who:w} aperta "{label}"'))
def presses(night: Night, who: str, label: str) -> None:
    night.presses(who, label)


@then(parsers.parse('a resposta contém "{text}"'))
def answer_holds(night: Night, text: str) -> None:
    night.hears(text)


@then(parsers.parse('a resposta não contém "{text}"'))
def answer_does_not_hold(night: Night, text: str) -> None:
    assert text not in night.hears()


@then(parsers.parse('chega uma mensagem com "{text}"'))
def message_comes(night: Night, text: str) -> None:
    night.find("Bob", text)


@then(parsers.parse('a mensagem contém "{text}"'))
def message_holds(night: Night, text: str) -> None:
    assert text in night.message["text"]


@then(parsers.parse('a mensagem passa a conter "{text}"'))
def message_becomes(night: Night, text: str) -> None:
    night.becomes("Bob", text)


@given("que os runbooks prontos foram importados")
def runbooks_are_here(night: Night) -> None:
    night.has_runbooks()


@then("o sistema voltou a responder normalmente")
def system_is_well(night: Night) -> None:
    assert night.guardian.state()["status"] == "healthy"


@then("nenhum runbook foi executado")
def nothing_ran(night: Night) -> None:
    night.works()
    assert not Run.objects.exists()
