"""When a platform or a model does not answer: it is left alone, everybody can see it, and people are told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from django.utils import timezone

from bots.agent import fallbacks
from bots.agent.targets import teller
from bots.channels.base import ChannelError
from bots.services import read_models
from bots.standing import counts_against, kind_of
from clawsite.core import services
from clawsite.core.services import ServiceReport
from tests.bots.flow import Flow, open_flow, until_db


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    yield
    fallbacks.forget()
    teller.clear()


@pytest.fixture
async def flow(transactional_db: None) -> AsyncIterator[Flow]:
    async with open_flow() as opened:
        yield opened


def failing(kind: str) -> list[ServiceReport]:
    return [each for each in services.report() if each.kind == kind and each.is_failing]


async def test_a_platform_that_does_not_take_calls_is_left_alone_and_told_of_until_it_does(flow: Flow) -> None:
    flow.model.set_default("Hello.")
    async with flow.running():
        await flow.says(flow.alice, "hi")
        flow.telegram.fault("status", method="sendMessage", status=502, for_seconds=600)
        flow.telegram.user_sends(flow.alice, "once more")
        (seen,) = await until_db(lambda: failing("channel"))
        assert (seen.name, seen.last_error_kind) == ("telegram", "no_answer")
        flow.telegram.clear_faults()
        await until_db(lambda: not failing("channel"))
        await flow.quiet()
    assert flow.texts(flow.alice) == ["Hello.", "Hello."]


@pytest.mark.parametrize(
    ("error", "counts", "kind"),
    [
        (ChannelError("gone", gone=True), False, "no_answer"),
        (ChannelError("blocked", permanent=True), False, "no_answer"),
        (ChannelError("slow down", retry_after=3), False, "rate"),
        (ChannelError("slow down", retry_after=3, whole_bot=True), True, "rate"),
        (ChannelError("the bot token", retry_after=60, whole_bot=True), True, "token"),
        (ChannelError("no connection"), True, "no_answer"),
        (ChannelError("no answer", unsent=False), True, "no_answer"),
    ],
)
def test_what_counts_against_a_platform(error: ChannelError, counts: bool, kind: str) -> None:
    assert (counts_against(error), kind_of(error)) == (counts, kind)


async def test_another_model_answers_and_says_so_once(transactional_db: None) -> None:
    async with open_flow(CLAW_MODELS=["claude-sonnet-5-5", "claude-haiku-5-5"]) as flow:
        flow.model.set_default("From the other one.")
        flow.model.fail(500, model="claude-sonnet-5-5", times=None)
        async with flow.running():
            (first,) = await flow.says(flow.bob, "hi", timeout=30)
            (second,) = await flow.says(flow.bob, "and?", timeout=30)
            (seen,) = await until_db(lambda: failing("model"))
            (status,) = await flow.says(flow.alice, "/status")
    assert first.startswith("From the other one.")
    assert "claude-sonnet-5-5 does not answer at the moment; I use claude-haiku-5-5 instead." in first
    assert second == "From the other one."
    assert (seen.name, seen.fallback) == ("claude-sonnet-5-5", "claude-haiku-5-5")
    assert "claude-sonnet-5-5 has not answered for" in status
    assert "I use claude-haiku-5-5 instead" in status


@pytest.mark.django_db
def test_a_model_without_a_key_is_not_in_use(settings: Any) -> None:
    settings.ANTHROPIC_API_KEY, settings.ANTHROPIC_BASE_URL = "", ""
    settings.CLAW_MODELS = ["claude-sonnet-5-5", "local@http://127.0.0.1:1"]
    assert [each.name for each in read_models(timezone.now())] == ["local@http://127.0.0.1:1"]
