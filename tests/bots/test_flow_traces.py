"""One message as a collector of traces sees it: every stage, the model, the tool and the way out, as one tree."""

from __future__ import annotations

from django.test import override_settings

from clawsite.core.db import run_db
from clawsite.core.tracing import flush
from sessions_app.models import Outbox, Turn
from tests.bots.flow import Flow
from tests.servers.collector import Collector
from tests.servers.messages.scripts import text, tool_use


async def test_a_message_is_one_tree_of_spans(flow: Flow) -> None:
    flow.model.script(tool_use("remember", {"statement": "The user's cat is called Mia."}), match="remember")
    flow.model.script(text("I will remember Mia."), on_result=True)
    with Collector() as collector, override_settings(CLAW_OTLP_URL=collector.url):
        async with flow.running():
            await flow.says(flow.alice, "please remember my cat Mia")
        flush()
    turn = await run_db(lambda: Turn.objects.select_related("session").get())
    message = collector.named("message")
    assert message.span_id == turn.trace_id == await run_db(lambda: Outbox.objects.get().trace_id)
    assert message.attributes == {"claw.channel": "telegram", "claw.session": turn.session.ref}
    agent, delivery = collector.named("stage agent"), collector.named("delivery")
    # What is done after the answer may have begun by now, and is a part of the trace, too.
    later = {seen.span_id: seen.parent for seen in collector.spans if seen.name == "after the answer"}
    during = [seen for seen in collector.spans if not {seen.span_id, seen.parent} & set(later)]
    parents = {seen.name: seen.parent for seen in during if seen.trace_id == message.trace_id}
    stages = {f"stage {name}": message.span_id for name in turn.stages}
    assert parents == stages | {
        "message": "", "tool remember": agent.span_id, "model": agent.span_id,
        "delivery": message.span_id, "channel": delivery.span_id,
    }  # fmt: skip
    assert set(later.values()) <= {message.span_id}
    assert "Mia" not in repr(collector.spans)
