"""Many made-up deliveries: none is lost, none is doubled, and whatever they say can be stored and shown as text."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from bots.cards import CardView, render_card
from runbooks.alerts.actions import AlreadyDone, acknowledge
from runbooks.alerts.store import process_new, store_webhook
from runbooks.alerts.subscriptions import subscribe
from runbooks.models import Alert, AlertGroup, AlertWebhook
from sessions_app.models import Card
from tests.runbooks.alerts.deliveries import NOW
from tests.runbooks.alerts.fuzz import World
from tests.sessions_app.people import People

pytestmark = pytest.mark.django_db

# More by hand: ALERT_DELIVERIES=10000 pytest tests/runbooks/alerts/test_fuzz.py --timeout 0
COUNT = int(os.environ.get("ALERT_DELIVERIES", "150"))
SEEDS = (1, 2, 3)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_told_is_what_is_known(people: People, seed: int) -> None:
    subscribe(people.bobs, actor=people.bob.actor)
    world = World(rng=random.Random(seed), groups=8)
    deliveries = world.disturb(world.snapshots(COUNT // len(SEEDS)))
    for number, delivery in enumerate(deliveries):
        store_webhook(json.dumps(delivery))
        world.hear(delivery)
        # All within a minute: later a delivery would not be a late one any more.
        process_new(now=NOW + timedelta(seconds=60 * number / len(deliveries)))
        if number % 7 == 0:
            _take_one(people, world.rng)
    assert Counter(AlertWebhook.objects.values_list("state", flat=True)) == {"done": len(deliveries)}
    _compare(world)
    _show_all()


def _take_one(people: People, rng: random.Random) -> None:
    """Press the button of some group, as people do meanwhile."""
    pks = list(AlertGroup.objects.values_list("pk", flat=True))
    try:
        acknowledge(rng.choice(pks), actor=people.bob.actor, now=NOW)
    except AlreadyDone:
        return


def _compare(world: World) -> None:
    groups = {group.group_key: group for group in AlertGroup.objects.all()}
    assert (set(groups), len(groups)) == (set(world.told), AlertGroup.objects.count())
    for key, group in groups.items():
        rows = {alert.fingerprint: alert for alert in Alert.objects.filter(group=group)}
        assert set(rows) == set(world.told[key])
        assert {name for name, row in rows.items() if row.state == "firing"} == world.firing(key)
        assert all(rows[name].starts_at == told.begins for name, told in world.told[key].items())
        assert group.firing == len(world.firing(key))
        assert group.firing + group.ended == len(rows)
        assert (group.state == "firing") is bool(world.firing(key))
        assert group.acked_at is None or group.acked_name == "Bob"


def _show_all() -> None:
    """Find the words for every message: plain text that fits, whatever the labels hold."""
    cards = list(Card.objects.all())
    shown = Counter(card.key for card in cards)
    assert set(shown.values()) == {1}
    for card in cards:
        for language in ("en", "pt-br", "ru"):
            with translation.override(language):
                message = render_card(card.kind, card.data, CardView(zone=ZoneInfo("America/Sao_Paulo")))
            assert message.plain
            assert 0 < len(message.text) <= 4096
            assert not any(char in message.text for char in "\u202e\0\r")
            assert all(len(button.data.encode()) <= 64 for row in message.buttons for button in row)
