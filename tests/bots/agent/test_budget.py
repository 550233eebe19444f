"""The money of the day, the keys, and a process without a model."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from bots.agent import budget, keys
from bots.agent.prices import count_usage
from bots.agent.provider import Tokens
from bots.agent.targets import is_configured
from bots.agent.types import AgentLimits, Target
from clawsite.core.db import run_db
from clawsite.core.models import Secret
from sessions_app.models import Turn
from tests.bots.agent.stage import SONNET, Stage
from tests.servers.messages import text
from tests.template import put_database

ROOT = Path(__file__).resolve().parents[3]
MILLION = Tokens(fresh=1_000_000)


def finish(turn_id: int, *, usd: str, days_ago: int = 0) -> None:
    """Finish a turn at a cost."""
    at = timezone.now() - timedelta(days=days_ago)
    Turn.objects.filter(pk=turn_id).update(cost_usd=Decimal(usd), finished_at=at)


async def test_the_day_counts_finished_turns_and_running_ones(turn_stage: Stage) -> None:
    await run_db(finish, turn_stage.turn_id, usd="1.5")
    meter = budget.open_meter()

    budget.spend(SONNET.model, MILLION, meter=meter)

    assert await budget.spent_today() == pytest.approx(3.5)


async def test_a_closed_meter_counts_until_its_row_is_surely_written(
    turn_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = budget.open_meter()
    budget.spend(SONNET.model, MILLION, meter=meter)
    meter.close()
    assert await budget.spent_today() == pytest.approx(2.0)

    await run_db(finish, turn_stage.turn_id, usd="2.0")
    monkeypatch.setattr(budget, "WRITE_SECONDS", 0.0)
    budget._kept.until = 0.0

    assert await budget.spent_today() == pytest.approx(2.0)


async def test_a_turn_that_waits_for_a_decision_is_not_free(turn_stage: Stage) -> None:
    parked = {"state": "parked", "cost_usd": Decimal("1.5"), "finished_at": None}
    await run_db(lambda: Turn.objects.filter(pk=turn_stage.turn_id).update(**parked))

    assert await budget.spent_today() == pytest.approx(1.5)


async def test_yesterday_is_over(turn_stage: Stage) -> None:
    await run_db(finish, turn_stage.turn_id, usd="9", days_ago=1)

    assert await budget.spent_today() == 0


async def test_the_budget_of_the_day_ends_turns_with_a_sentence(turn_stage: Stage) -> None:
    await run_db(finish, turn_stage.turn_id, usd="2.0")

    outcome = await turn_stage.run(limits=AgentLimits(day_usd=2.0))

    assert (outcome.stop, outcome.stop_detail) == ("limit", "day_usd")
    assert "midnight" in outcome.notice
    assert turn_stage.bodies() == []


async def test_meters_of_finished_runs_are_forgotten(turn_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "KEEP_SECONDS", 0.0)
    monkeypatch.setattr(budget, "WRITE_SECONDS", 0.0)
    monkeypatch.setattr(budget, "METERS_MAX", 3)
    for _ in range(20):
        budget.open_meter().close()

    assert len(budget._kept.meters) <= 4


def test_counting_money_is_exact_to_the_millionth() -> None:
    assert count_usage(SONNET.model, Tokens(fresh=1, output=1)).cost_usd == pytest.approx(0.000012)


async def test_without_a_key_nothing_is_configured(stage: Stage, settings: Settings, transactional_db: None) -> None:
    settings.ANTHROPIC_API_KEY = settings.ANTHROPIC_BASE_URL = ""

    outcome = await stage.run()

    assert not await is_configured()
    assert (outcome.stop, outcome.retry_after) == ("not_configured", None)
    assert "ANTHROPIC_API_KEY" in outcome.notice


async def test_a_key_entered_in_the_admin_counts(stage: Stage, settings: Settings, transactional_db: None) -> None:
    settings.ANTHROPIC_API_KEY = ""
    await run_db(lambda: Secret.objects.create(name="ANTHROPIC_API_KEY", value="sk-ant-entered"))
    stage.model.set_keys(["sk-ant-entered"])
    stage.model.script(text("Here."))

    assert await is_configured()
    assert (await stage.run()).text == "Here."


async def test_a_rotated_key_counts_without_a_restart(stage: Stage, settings: Settings) -> None:
    stage.model.script(text("Here."), times=2)
    stage.model.set_keys(["one"])
    settings.ANTHROPIC_API_KEY = "one"
    assert (await stage.run()).text == "Here."

    stage.model.set_keys(["two"])
    settings.ANTHROPIC_API_KEY = "two"

    assert (await stage.run()).text == "Here."


def test_each_address_has_its_own_key(settings: Settings) -> None:
    settings.ANTHROPIC_BASE_URL = "http://10.0.0.1:1"

    assert keys.secret_name(SONNET) == "ANTHROPIC_API_KEY"
    assert keys.secret_name(Target(model="m", base_url="http://10.0.0.1:1")) == "ANTHROPIC_API_KEY"
    assert keys.secret_name(Target(model="m", base_url="http://u:p@10.0.0.5:11434/x")) == "MODEL_KEY_10.0.0.5:11434"


PROGRAM = """
import asyncio, sys
import django
django.setup()
from bots.agent.loop import run_agent
from bots.agent.targets import list_targets
from bots.agent.types import AgentJob, AgentLimits, ToolContext, ToolSet
from guardrails.types import Actor
context = ToolContext(session_id=1, turn_id=1, session_ref="session:1", actor=Actor(subject="contact:1"))
job = AgentJob(
    system=(), messages=({"role": "user", "content": "hi"},), tools=ToolSet(), targets=list_targets(),
    limits=AgentLimits(), context=context,
)
outcome = asyncio.run(run_agent(job, on_text=print, cancelled=lambda: False))
print(outcome.stop, "anthropic" in sys.modules, "httpx2" in sys.modules)
"""


def test_without_a_model_the_sdk_is_never_loaded(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CLAW_", "ANTHROPIC_"))}
    environment |= {"CLAW_HOME": str(tmp_path), "DJANGO_SETTINGS_MODULE": "clawsite.settings"} | put_database(tmp_path)

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout.split() == ["not_configured", "False", "False"], done.stderr
