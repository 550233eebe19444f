"""health, status, usage and presence: shapes that clients read, from memory, and nobody else's sessions in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from clawsite.core.db import close_pool, run_db
from clawsite.core.models import Process
from clawsite.core.process import register_process
from clawsite.gateway import hot
from clawsite.gateway.registry import Call, Encoded, get_method
from sessions_app.models import Channel
from tests.clawsite.gateway.calling import ALICE, BOB, CHARLIE, call
from tests.clawsite.gateway.rows import BOBS_KEY, add_chat, add_session, add_turn, key_of
from tests.clawsite.gateway.seat import Line, Refused

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = ("health", "status", "system-presence", "last-heartbeat", "usage.cost", "usage.status")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Keep no answer of another test."""
    hot.drop_all()
    yield
    close_pool()


def prepare() -> str:
    """Make both sessions with a turn each; return the key of the chat that is not Bob's."""
    chat = add_chat()
    for number, session in enumerate([add_session(), chat]):
        add_turn(session, number=number)
    return key_of(chat)


@pytest.mark.parametrize("name", NAMES)
async def test_charlie_gets_nothing(name: str) -> None:
    with pytest.raises(Refused, match="missing scope"):
        await call(name, CHARLIE)


async def test_health_has_what_the_command_line_prints() -> None:
    await run_db(prepare)
    found = await call("health", probe=True)

    assert found["ok"] is True
    assert sorted(found["channelOrder"]) == ["gateway", "telegram"]
    assert found["channels"]["telegram"]["configured"] is True
    assert found["channels"]["telegram"]["running"] is False
    assert found["channelLabels"]["telegram"] == "Telegram"
    assert (found["defaultAgentId"], found["agents"][0]["agentId"]) == ("main", "main")
    assert found["sessions"].keys() == {"path", "count", "recent"}
    assert found["agents"][0]["sessions"] == found["sessions"]
    assert found["sessions"]["recent"][0].keys() == {"key", "updatedAt", "age"}
    assert isinstance(found["heartbeatSeconds"], int)
    assert {"ts", "durationMs", "queues", "processes", "targets"} <= found.keys()


async def test_a_running_bot_is_told_with_its_breakers() -> None:
    def begin() -> None:
        Channel.objects.create(kind="telegram", name="main", token="hidden-token", last_error="bad token=hidden-token")
        process = register_process("bots")
        Process.objects.filter(pk=process.pk).update(data={"rss": 5, "targets": {"m@http://u:hidden-token@h": "open"}})

    await run_db(begin)
    found = await call("health", BOB)

    assert found["channels"]["telegram"]["running"] is True
    assert [(row["role"], row["rssBytes"]) for row in found["processes"]] == [("bots", 5)]
    assert list(found["targets"].values()) == ["open"]
    assert "hidden-token" not in json.dumps(found)
    assert (await call("last-heartbeat", BOB))["status"] == "ok-empty"


async def test_without_any_sign_of_life_there_is_no_heartbeat() -> None:
    assert await call("last-heartbeat", BOB) is None


@pytest.mark.parametrize("name", ["health", "status"])
async def test_bob_sees_his_sessions_and_alice_all(name: str) -> None:
    chat_key = await run_db(prepare)
    bobs, all_of_them = (await call(name, BOB))["sessions"], (await call(name, ALICE))["sessions"]

    assert (bobs["count"], [row["key"] for row in bobs["recent"]]) == (1, [BOBS_KEY])
    assert all_of_them["count"] == 2
    assert chat_key in [row["key"] for row in all_of_them["recent"]]
    assert BOBS_KEY not in [row["key"] for row in all_of_them["recent"]]


async def test_status_tells_how_full_a_context_is() -> None:
    await run_db(prepare)
    found = await call("status", BOB, includeChannelSummary=True)
    (row,) = found["sessions"]["recent"]

    assert (row["inputTokens"], row["outputTokens"], row["totalTokens"]) == (100, 20, 120)
    assert row["remainingTokens"] == row["contextTokens"] - 120
    assert found["sessions"]["byAgent"][0]["agentId"] == "main"
    assert "Telegram (telegram): not running" in found["channelSummary"]
    assert (await call("status", BOB, includeChannelSummary=False))["channelSummary"] == []
    assert "hidden-token" not in json.dumps(found)


async def test_a_warm_answer_asks_no_database() -> None:
    for name in ("health", "status", "channels.status", "last-heartbeat"):
        await call(name, BOB)
        request = Call(request_id="1", method=name, connection=Line(BOB), respond=print)
        found = get_method(name, principal=BOB)
        assert isinstance(found.handler(request, found.parse(Encoded(b"{}"))), Encoded)


async def test_presence_is_a_bare_list_of_ones_own_connections() -> None:
    with Line(ALICE), Line(BOB):
        shown = await call("system-presence", BOB)

    assert [entry["reason"] for entry in shown] == ["self"]
    assert shown[0]["ts"] > 0


async def test_money_is_counted_by_day_and_by_owner() -> None:
    def begin() -> None:
        prepare()
        old = add_turn(add_session(name="old"), number=9)
        type(old).objects.filter(pk=old.pk).update(finished_at=timezone.now() - timedelta(days=40))

    await run_db(begin)
    bobs, everybodys = await call("usage.cost", BOB, days=30), await call("usage.cost", ALICE, days=366)

    assert len(bobs["daily"]) == 1
    day = bobs["daily"][0]
    assert (day["input"], day["output"], day["cacheRead"], day["totalTokens"]) == (40, 20, 60, 120)
    assert (bobs["totals"]["totalCost"], bobs["totals"]["turns"]) == (0.5, 1)
    assert (everybodys["totals"]["totalCost"], len(everybodys["daily"])) == (1.5, 2)
    assert (await call("usage.status", BOB))["providers"] == []
