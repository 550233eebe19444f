"""The agent's own cost: CPU of a run, beside the same answer read with the SDK's typed stream in the same process."""

from __future__ import annotations

import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import anthropic
import pytest
from pytest_django import Settings

from bots.agent.anthropic import AnthropicProvider
from bots.agent.loop import run_agent
from bots.agent.types import AgentJob, AgentLimits, Target, ToolContext, ToolSet
from guardrails.types import Actor, Role
from tests.servers.messages import MessagesServer

DELTAS = 600
RUNS = 7
ANSWER = " ".join(f"word{number}" for number in range(DELTAS))
MODEL = "claude-sonnet-5-5"
HI = {"role": "user", "content": "Hello"}


@pytest.fixture
async def model(settings: Settings) -> AsyncIterator[MessagesServer]:
    """The emulator on a thread of its own, so that its work is not counted."""
    with MessagesServer().running() as server:
        server.set_default(ANSWER, deltas=DELTAS)
        settings.ANTHROPIC_BASE_URL = server.url
        settings.ANTHROPIC_API_KEY = "sk-ant-test-0000000000000000"
        yield server


async def cpu_ms(work: Callable[[], Awaitable[None]]) -> float:
    """Return the median CPU time of this thread for one piece of work, after one to warm up."""
    taken = []
    for _ in range(RUNS + 1):
        began = time.thread_time()
        await work()
        taken.append(time.thread_time() - began)
    return statistics.median(taken[1:]) * 1000


@pytest.mark.bench
@pytest.mark.django_db(transaction=True)
async def test_a_run_costs_less_than_the_sdks_own_stream(model: MessagesServer) -> None:
    client = anthropic.AsyncAnthropic(api_key="sk-ant-test", base_url=model.url, max_retries=0)
    provider = AnthropicProvider()
    context = ToolContext(
        session_id=1, turn_id=1, session_ref="session:1", actor=Actor(subject="contact:1", role=Role.VIEWER)
    )
    job = AgentJob(
        system=(),
        messages=(HI,),
        tools=ToolSet(),
        targets=(Target(model=MODEL),),
        limits=AgentLimits(),
        context=context,
    )

    async def with_sdk() -> None:
        stream = await client.messages.create(
            model=MODEL, max_tokens=4096, messages=[{"role": "user", "content": "Hello"}], stream=True
        )
        text = "".join([event.delta.text async for event in stream if event.type == "content_block_delta"])  # type: ignore[union-attr]
        assert text == ANSWER

    async def with_agent() -> None:
        shown: list[str] = []
        outcome = await run_agent(job, on_text=shown.append, cancelled=lambda: False, provider=provider)
        assert outcome.text == ANSWER
        assert len(shown) == DELTAS

    async with client:
        raw, ours = await cpu_ms(with_sdk), await cpu_ms(with_agent)
    await provider.close()
    print(f"\n{DELTAS} deltas: SDK stream {raw:.1f} ms of CPU, run_agent {ours:.1f} ms, ratio {ours / raw:.2f}")

    assert ours / raw < 1.0
