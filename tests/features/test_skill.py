"""The story of a skill: installed by an admin, switched on in a chat, used in plain words."""

from __future__ import annotations

import pytest
from pytest_bdd import given, parsers, scenarios, then

from tests.features.night import Night
from tests.servers.messages.scripts import tool_use

pytestmark = pytest.mark.django_db(transaction=True)
scenarios("skill.feature")

INSTRUCTIONS = "You help the person on shift who watches a system of payments."


@given(parsers.parse('que a skill "{name}" foi instalada e ligada'))
def installed_and_on(night: Night, name: str) -> None:
    night.has_skill(name, on=True)


@given(parsers.parse('que a skill "{name}" foi instalada'))
def installed(night: Night, name: str) -> None:
    night.has_skill(name, on=False)


@given(parsers.parse('que o modelo responde a "{words}" com a ferramenta "{tool}"'))
def model_uses(night: Night, words: str, tool: str) -> None:
    night.flow.model.script(tool_use(tool), match=words, times=1)
    night.flow.model.set_default("Tudo em ordem.")


@given(parsers.parse('que o modelo responde a "{words}" com o runbook "{name}"'))
def model_proposes(night: Night, words: str, name: str) -> None:
    night.flow.model.script(tool_use("transaction_guardian__runbook", {"name": name}), match=words, times=1)
    night.flow.model.set_default("Tudo em ordem.")


@then(parsers.parse('o modelo leu "{text}"'))
def model_read(night: Night, text: str) -> None:
    assert text in night.flow.asked()[-1]


@then("o modelo conhece as instruções da skill")
def model_knows(night: Night) -> None:
    assert INSTRUCTIONS in prompts(night)[-1]


@then("o modelo não conhece as instruções da skill")
def model_does_not_know(night: Night) -> None:
    assert INSTRUCTIONS not in prompts(night)[-1]


def prompts(night: Night) -> list[str]:
    """Return the system prompts of the turns so far."""
    bodies = [request["body"] for request in night.flow.model.requests()]
    return [str(body["system"]) for body in bodies if body.get("tools")]
