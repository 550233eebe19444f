"""A runbook from a chat to its end: progress in one message, an approval with buttons, and a new message at the end."""

from __future__ import annotations

from typing import Any

from clawsite.core.db import run_db
from clawsite.core.models import AuditEvent
from guardrails.models import Approval
from runbooks.models import Job, Run
from runbooks.runner import perform
from sessions_app.models import Inbox
from tests.bots.flow import Flow, until, until_db
from tests.runbooks.books.making import ECHO, saved, step


def pressed(number: str, who: int, data: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Return the update of a button that somebody pressed, or says to have."""
    return {
        "callback_query": {
            "id": number,
            "from": {"id": who, "is_bot": False, "first_name": "Somebody"},
            "data": data,
            "message": {"message_id": asked["message_id"], "date": 1, "chat": asked["chat"]},
            "chat_instance": "1",
        }
    }


async def finished(number: str) -> None:
    """Wait until an update was dealt with."""
    await until_db(lambda: Inbox.objects.filter(raw__contains=f'"id":"{number}"', state="done").exists())


def state() -> str:
    return Job.objects.get().state


async def test_a_runbook_asks_goes_on_and_tells_its_end(flow: Flow) -> None:
    await run_db(lambda: saved(step("approval", "Asking", no_self=True), ECHO | {"host": ["echo"]}, name="restart-api"))
    async with flow.running():
        flow.telegram.user_sends(flow.bob, "executar runbook restart-api")
        await until_db(Run.objects.exists)
        await flow.quiet()
    job_id = await run_db(lambda: Run.objects.get().job_id)
    assert await run_db(perform, job_id)
    async with flow.running():
        await until(lambda: any("May this run?" in said for said in flow.texts(flow.bob)))
        asked = next(m for m in flow.telegram.bot_messages(flow.bob) if "May this run?" in m["text"])
        yes = asked["reply_markup"]["inline_keyboard"][0][0]["callback_data"]

        for number, who, data in (("91", flow.charlie, yes), ("92", flow.bob, yes), ("93", flow.alice, "ok:forged")):
            flow.telegram.inject(pressed(number, who, data, asked))
            await finished(number)
        assert await run_db(state) == "waiting_approval"

        flow.telegram.inject(pressed("94", flow.alice, yes, asked))
        await until_db(lambda: state() == "queued")
        await flow.quiet()
    assert await run_db(perform, job_id)
    async with flow.running():
        await until(lambda: any("is done: 2 of 2 steps" in said for said in flow.texts(flow.bob)))
        flow.telegram.inject(pressed("95", flow.alice, yes, asked))
        await finished("95")
        await flow.quiet()

        shown = {m["message_id"]: m for m in flow.telegram.messages(flow.bob)}
        decided = shown[asked["message_id"]]
        assert "Approved by Somebody." in decided["text"]  # as the platform names Alice
        assert not decided.get("reply_markup")
        progress = [m["text"] for m in shown.values() if "[2/2] Say hello ... ok" in m["text"]]
        assert len(progress) == 1
        assert "✅ [1/2] Asking ... ok" in progress[0]
        assert flow.texts(flow.bob)[-1].startswith("✅ The runbook restart-api is done")

    actions = await run_db(lambda: list(AuditEvent.objects.order_by("pk").values_list("action", flat=True)))
    assert [name for name in actions if name.startswith("approval.")] == [
        "approval.refused", "approval.unknown", "approval.approved", "approval.late",
    ]  # fmt: skip
    assert await run_db(Approval.objects.count) == 1
