"""/stop while an answer begins to be shown: what is in the chat is marked as stopped, what is not stays out of it."""

from __future__ import annotations

from typing import Any

from sessions_app.models import Turn
from tests.bots.flow import Flow, until, until_db
from tests.servers.messages.scripts import text


async def stop_at_first_piece(flow: Flow, kind: str, **fault: Any) -> list[str]:
    """Stop an answer whose first piece meets a fault on its way to the chat; return what of it is there in the end."""
    flow.model.script(text("word " * 400, deltas=80, pause=0.1), match="long story")
    flow.telegram.fault(kind, method="sendMessage", **fault)
    async with flow.running():
        flow.telegram.user_sends(flow.alice, "a long story please")
        await until(lambda: flow.telegram.faults()[0]["hits"])
        flow.telegram.user_sends(flow.alice, "/stop")
        await until_db(lambda: Turn.objects.filter(state="cancelled").exists())
        await flow.quiet()
    return [said for said in flow.texts(flow.alice) if "word" in said]


async def test_what_was_streamed_while_the_turn_was_stopped_is_marked_as_stopped(flow: Flow) -> None:
    (streamed,) = await stop_at_first_piece(flow, "delay", seconds=3)
    assert streamed.endswith("Stopped.")


async def test_of_an_answer_that_nobody_saw_begin_stop_leaves_nothing(flow: Flow) -> None:
    assert await stop_at_first_piece(flow, "status", status=502) == []
