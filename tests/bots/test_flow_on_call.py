"""Incidents and briefings through the whole bots role and a real job: what a person on call sees on the phone."""

from __future__ import annotations

from typing import Any

from clawsite.core.db import run_db
from runbooks.models import Incident, Job
from runbooks.runner import perform
from tests.bots.flow import Flow, until

HOSTILE = "<b>API</b> [slow](http://evil.example) *now*"


def card(flow: Flow, chat: int) -> dict[str, Any]:
    message: dict[str, Any] = flow.telegram.bot_messages(chat)[0]
    return message


async def press(flow: Flow, who: int, label: str, seen: str) -> None:
    flow.telegram.press(who, card(flow, who)["message_id"], text=label)
    await until(lambda: seen in card(flow, who)["text"])
    await flow.quiet()


async def test_an_incident_is_one_message_from_its_opening_to_its_end(flow: Flow) -> None:
    async with flow.running():
        (opened,) = await flow.says(flow.bob, f"/incident P1 {HOSTILE}")
        number = opened.split()[1]
        assert f"🔴 {number} · P1 · {HOSTILE}" in opened
        assert not [each for each in card(flow, flow.bob).get("entities", ()) if each["type"] != "url"]
        await press(flow, flow.bob, "🙋 I take it", "On it: Bob")
        assert await flow.says(flow.bob, f"/incident note {number} the disk was full") == [f"Noted in {number}."]
        await until(lambda: "Bob: the disk was full" in card(flow, flow.bob)["text"])
        await press(flow, flow.bob, "✅ Resolve", "resolved by Bob")
        flow.telegram.press(flow.bob, card(flow, flow.bob)["message_id"], text="📄 Report")
        await until(lambda: flow.telegram.bot_messages(flow.bob)[-1].get("document"))
        await flow.quiet()
    report = flow.telegram.bot_messages(flow.bob)[-1]["document"]
    assert report["file_name"] == f"{number.lower()}-bapib-slowhttpevilexample-now.md"
    assert len(flow.telegram.bot_messages(flow.bob)) == 3


async def test_words_keep_the_capitals_somebody_typed(flow: Flow) -> None:
    async with flow.running():
        await flow.says(flow.bob, "Incidente API de Pagamentos lenta")
    assert await run_db(lambda: Incident.objects.get().title) == "API de Pagamentos lenta"


async def test_charlie_opens_nothing(flow: Flow) -> None:
    async with flow.running():
        (answer,) = await flow.says(flow.charlie, "incidente API lenta")
        assert "pairing code" in answer
    assert not await run_db(Incident.objects.exists)


async def test_a_briefing_takes_the_place_of_the_promise_of_one(flow: Flow) -> None:
    async with flow.running():
        (promise,) = await flow.says(flow.bob, "briefing")
        assert promise == "⏳ I am putting the briefing together."
    job = await run_db(lambda: Job.objects.get(kind="briefing", state="queued"))
    assert await run_db(perform, job.pk)
    async with flow.running():
        await until(lambda: "📋 Pending:\n└── Nothing" in card(flow, flow.bob)["text"])
        await flow.quiet()
    assert len(flow.telegram.bot_messages(flow.bob)) == 1
