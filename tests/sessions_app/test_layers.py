"""The eight layers: seeded once, edited by admins, overridden by sessions, never missing."""

from __future__ import annotations

import pytest

from sessions_app.models import PromptLayer, SessionLayer
from sessions_app.prompts.layers import (
    ensure_layers,
    forget_cached,
    get_defaults,
    get_layers,
    get_session_layers,
    load_prompt,
)
from sessions_app.tokens import estimate
from tests.sessions_app.people import People

SPECIFIED = [
    ("core", 0, 500), ("identity", 10, 200), ("business", 20, 300), ("objective", 30, 200),
    ("skills", 40, 2000), ("memory", 50, 1000), ("temporal", 60, 50), ("conversation", 70, 8000),
]  # fmt: skip

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh() -> None:
    forget_cached()


def test_the_table_is_seeded_with_the_eight_layers() -> None:
    ensure_layers()
    assert list(PromptLayer.objects.values_list("key", "priority", "budget")) == SPECIFIED


def test_default_texts_are_within_their_budgets() -> None:
    for layer in get_defaults():
        assert estimate(layer.text) <= layer.budget, layer.key
    assert estimate(load_prompt("core")) > 200


def test_seeding_again_changes_nothing_that_an_admin_wrote() -> None:
    ensure_layers()
    PromptLayer.objects.filter(key="identity").update(text="You are Rosa.", budget=77)
    PromptLayer.objects.filter(key="business").delete()
    assert ensure_layers() == 1
    assert ensure_layers() == 0
    row = PromptLayer.objects.get(key="identity")
    assert (row.text, row.budget) == ("You are Rosa.", 77)


def test_a_missing_row_counts_as_its_default() -> None:
    PromptLayer.objects.all().delete()
    forget_cached()
    assert [(layer.key, layer.priority, layer.budget) for layer in get_layers()] == SPECIFIED
    assert "data" in get_layers()[0].text


def test_an_edit_holds_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_layers()
    get_layers()
    PromptLayer.objects.filter(key="identity").update(text="You are Rosa.")
    monkeypatch.setattr("sessions_app.prompts.layers.FRESH_SECONDS", 0.0)
    assert get_layers()[1].text == "You are Rosa."


def test_an_admin_can_change_the_order() -> None:
    ensure_layers()
    PromptLayer.objects.filter(key="business").update(priority=65)
    forget_cached()
    assert [layer.key for layer in get_layers()][-3:] == ["temporal", "business", "conversation"]


def test_a_session_overrides_text_and_budget_for_itself_only(people: People) -> None:
    layer = PromptLayer.objects.get(key="objective")
    SessionLayer.objects.create(session=people.alices, layer=layer, text="Plan the trip.", budget=40)
    own = {each.key: each for each in get_session_layers(people.alices.pk)}
    other = {each.key: each for each in get_session_layers(people.bobs.pk)}
    assert (own["objective"].text, own["objective"].budget) == ("Plan the trip.", 40)
    assert other["objective"].text == layer.text
    assert other["objective"].budget == 200


def test_what_an_override_leaves_empty_stays_general(people: People) -> None:
    layer = PromptLayer.objects.get(key="objective")
    SessionLayer.objects.create(session=people.alices, layer=layer, budget=0)
    own = next(each for each in get_session_layers(people.alices.pk) if each.key == "objective")
    assert own.text == layer.text
    assert own.budget == 0
