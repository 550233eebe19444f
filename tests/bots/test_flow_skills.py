"""Skills in a running conversation: switched on in the chat, in the prompt, called by the model, asked about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bots.skills.offered import forget_cached
from clawsite.core.db import run_db
from sessions_app.models import Skill, ToolCall
from tests.bots.flow import Flow, until
from tests.bots.skills.making import switched_on, write
from tests.servers.messages.scripts import text, tool_use

TOOLS = """
TOOLS = [
    {"name": "state", "description": "How I am.", "effect": "read", "role": "viewer", "command": "status"},
    {"name": "renew", "description": "Asks first.", "effect": "destructive", "command": "help status"},
]
"""


@pytest.fixture
async def tea(flow: Flow, tmp_path: Path) -> AsyncIterator[Skill]:
    """A skill with two tools, on nowhere yet."""
    forget_cached()
    yield await run_db(switched_on, write(tmp_path / "tea", tools=TOOLS))
    forget_cached()


def offered(flow: Flow) -> list[set[str]]:
    """The names of the tools in each request of a turn."""
    bodies = [request["body"] for request in flow.model.requests()]
    return [{tool["name"] for tool in body["tools"]} for body in bodies if body.get("tools")]


async def test_a_skill_is_switched_on_in_a_chat_and_works_there_only(flow: Flow, tea: Skill) -> None:
    flow.model.set_default("Fine.")
    flow.model.script(tool_use("tea__state"), match="how are you", times=1)
    async with flow.running():
        assert "tea is on in this chat." in (await flow.says(flow.bob, "/skills on tea"))[0]
        assert await flow.says(flow.bob, "how are you") == ["Fine."]
        await flow.says(flow.alice, "and you?")
    prompts = [str(request["body"]["system"]) for request in flow.model.requests() if request["body"].get("tools")]
    assert "Black tea steeps" in prompts[0]
    assert "Black tea steeps" not in prompts[-1]
    assert [{"tea__state", "tea__renew"} <= names for names in offered(flow)] == [True, True, False]
    assert "to send: 0" in flow.asked()[1]
    assert await run_db(lambda: ToolCall.objects.get().state) == "done"


async def test_what_a_skill_knows_may_be_told_word_for_word(flow: Flow, tmp_path: Path) -> None:
    known = "Black tea steeps for four minutes, green tea for two and white tea for one."
    skill = await run_db(switched_on, write(tmp_path / "tea", body=known))
    flow.model.set_default(known)
    async with flow.running():
        await flow.says(flow.bob, f"/skills on {skill.name}")
        assert await flow.says(flow.bob, "how long?") == [known]


async def test_the_model_cannot_call_what_is_not_on_here(flow: Flow, tea: Skill) -> None:
    flow.model.script(tool_use("tea__state"), match="call it", times=1)
    flow.model.set_default("Fine.")
    async with flow.running():
        await flow.says(flow.bob, "call it")
    assert "There is no such tool here." in flow.asked()[-1]
    assert await run_db(lambda: ToolCall.objects.get().state) == "refused"


async def test_a_destructive_tool_of_a_skill_asks_a_person(flow: Flow, tea: Skill) -> None:
    flow.model.script(tool_use("tea__renew"), match="renew", times=1)
    flow.model.set_default("Done.")
    async with flow.running():
        await flow.says(flow.alice, "/skills on tea")
        before = len(flow.texts(flow.alice))
        flow.telegram.user_sends(flow.alice, "renew")
        await until(lambda: len(flow.texts(flow.alice)) > before)
        asked = flow.telegram.bot_messages(flow.alice)[-1]
        assert "/help status" in asked["text"]
        flow.telegram.press(flow.alice, asked["message_id"], text="✅ Approve", user_id=flow.alice)
        await until(lambda: "Done." in flow.texts(flow.alice))
        await flow.quiet()
    assert "/status - " in flow.asked()[-1]


async def test_charlie_gets_no_further_with_a_skill(flow: Flow, tea: Skill) -> None:
    flow.model.script(text("no"), times=None)
    async with flow.running():
        said = await flow.says(flow.charlie, "/skills on tea")
    assert "tea" not in said[0]
    assert flow.asked() == []
