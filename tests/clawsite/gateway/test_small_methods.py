"""The methods that answer from settings and registries: their shapes, and that no secret is in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from bots.agent.keys import forget_keys
from clawsite.core.db import close_pool, run_db
from clawsite.gateway import hot
from sessions_app.models import Channel, Skill
from tests.clawsite.gateway.calling import ALICE, BOB, CHARLIE, call
from tests.clawsite.gateway.seat import Gateway, Refused
from tests.test_house import settings_documented

ROOT = Path(__file__).resolve().parents[3]
SMALL = (
    "agents.list", "channels.status", "commands.list", "config.get", "gateway.identity.get",
    "logs.tail", "models.list", "plugin.approval.list", "question.list", "skills.status", "system.info",
)  # fmt: skip

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Keep no answer of another test."""
    hot.drop_all()
    forget_keys()
    yield
    close_pool()


@pytest.mark.parametrize("name", SMALL)
async def test_charlie_gets_nothing(name: str) -> None:
    with pytest.raises(Refused) as refused:
        await call(name, CHARLIE)

    assert refused.value.code == "FORBIDDEN"
    assert refused.value.message.startswith("missing scope: operator.")


@pytest.mark.parametrize("name", SMALL)
async def test_a_misspelt_parameter_is_an_error(name: str) -> None:
    with pytest.raises(Refused, match=r"INVALID_REQUEST.*nonsense"):
        await call(name, ALICE, nonsense=1)


async def test_the_terminal_client_gets_exactly_what_its_closed_schemas_want() -> None:
    assert await call("question.list", BOB) == {"questions": []}
    assert await call("plugin.approval.list", BOB) == []


async def test_there_is_one_agent(settings: Settings) -> None:
    settings.CLAW_MODELS = ["claude-sonnet-5-5", "local@http://127.0.0.1:1"]
    found = await call("agents.list", BOB)

    assert (found["defaultId"], found["mainKey"], found["scope"]) == ("main", "main", "per-sender")
    assert [agent["id"] for agent in found["agents"]] == ["main"]
    assert found["agents"][0]["model"] == {"primary": "claude-sonnet-5-5", "fallbacks": ["local"]}


async def test_models_come_in_their_order_and_say_which_can_be_called(settings: Settings) -> None:
    settings.ANTHROPIC_API_KEY = ""
    settings.CLAW_MODELS = ["claude-sonnet-5-5", "local@http://alice:hidden@127.0.0.1:11434"]
    first, second = (await call("models.list", BOB))["models"]

    assert (first["id"], first["provider"], first["available"]) == ("claude-sonnet-5-5", "anthropic", False)
    assert (second["id"], second["provider"], second["available"]) == ("local", "127.0.0.1:11434", True)
    assert (first["tags"], first["unavailableReason"]) == (["default"], "missing-auth")


@pytest.mark.parametrize(("language", "words"), [("en", "remember"), ("ru", "о"), ("xx", "")])
async def test_commands_are_listed_in_a_language(language: str, words: str) -> None:
    found = (await call("commands.list", BOB, language=language, scope="text", includeArgs=False))["commands"]
    by_name = {entry["name"]: entry for entry in found}

    assert by_name["memory"]["textAliases"] == ["/memory", "/facts"]
    assert {"name", "description", "source", "scope", "acceptsArgs"} <= by_name["help"].keys()
    assert words in "".join(entry["description"] for entry in found)


async def test_a_reader_is_not_shown_what_only_admins_may_use() -> None:
    names = [{entry["name"] for entry in (await call("commands.list", who))["commands"]} for who in (ALICE, BOB)]

    assert names[0] >= names[1]


async def test_who_does_not_see_all_gets_no_settings_and_no_logs() -> None:
    for name in ("config.get", "logs.tail"):
        with pytest.raises(Refused) as refused:
            await call(name, BOB)
        assert refused.value.error["details"]["missingScope"] == "operator.admin"


async def test_settings_are_shown_in_the_shape_of_a_configuration(settings: Settings) -> None:
    settings.CLAW_DAY_USD = 7.5
    found = await call("config.get")

    keys = {"path", "exists", "raw", "parsed", "valid", "config", "hash", "issues", "warnings", "legacyIssues"}
    assert found.keys() == keys
    assert found["config"]["env"]["CLAW_DAY_USD"] == 7.5
    assert found["config"]["gateway"]["port"] == settings.CLAW_PORT
    assert "CLAW_TURN_STEPS=25\n" in found["raw"]


async def test_every_documented_setting_is_shown() -> None:
    assert set((await call("config.get"))["config"]["env"]) == set(settings_documented())


def test_no_secret_of_the_environment_is_ever_shown(tmp_path: Path) -> None:
    """Each secret holds a canary of no known format, also where it is part of an address or given as a file."""
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    names = [name for name in settings_documented() if _is_secret(example, name)]
    canaries = {name: f"canary{number}xyzzy" for number, name in enumerate(names)}
    canaries["DATABASE_URL"] = "postgres://me:canarydb@127.0.0.1:1/claw"
    canaries["REDIS_URL"] = "redis://:canaryredis@127.0.0.1:1/0"
    canaries["CLAW_ENCRYPTION_KEYS"] = "C4n4ryC4n4ryC4n4ryC4n4ryC4n4ryC4n4ryC4n4ry0="
    more = {"ANTHROPIC_BASE_URL": "http://me:canaryurl@127.0.0.1:1", "CLAW_MODELS": "m@http://me:canaryurl@127.0.0.1:1"}
    program = (
        "import asyncio, django; django.setup()\n"
        "from tests.clawsite.gateway.calling import call\n"
        "from clawsite.gateway.methods.config import read_settings\n"
        "import json; print(json.dumps([asyncio.run(call('config.get')), read_settings()]))"
    )
    environment = {
        **os.environ,
        **canaries,
        **more,
        "CLAW_HOME": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "clawsite.settings",
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert len(names) >= 8
    assert "canary" not in done.stdout.lower().replace(str(tmp_path).lower(), "")
    shown = json.loads(done.stdout)[1]
    assert {shown[name] for name in names} == {"[secret]"}


def _is_secret(example: str, name: str) -> bool:
    before = example[: example.index(f"#{name}=")].rstrip().rsplit("\n#", 1)[0]
    comment = example[len(before) : example.index(f"#{name}=")]
    return "(secret" in comment


async def test_channels_are_accounts_by_kind() -> None:
    def prepare() -> None:
        Channel.objects.create(kind="telegram", name="main", token="hidden-token", config={"mode": "polling"})
        Channel.objects.create(kind="telegram", name="second", enabled=False, last_error="token=hidden-token is bad")
        Channel.objects.create(kind="webchat", name="web")

    await run_db(prepare)
    found = await call("channels.status", BOB, probe=False, timeoutMs=8000)

    assert found["channelOrder"] == ["telegram", "webchat"]
    assert found["channelLabels"]["telegram"] == "Telegram"
    assert [account["accountId"] for account in found["channelAccounts"]["telegram"]] == ["main", "second"]
    assert found["channels"]["telegram"]["configured"] is True
    assert found["channelAccounts"]["telegram"][1]["configured"] is False
    assert "hidden-token" not in json.dumps(found)
    only = await call("channels.status", BOB, channel="webchat")
    assert list(only["channels"]) == only["channelOrder"] == ["webchat"]


async def test_the_machine_and_the_installation_are_told() -> None:
    machine, identity = await call("system.info", BOB), await call("gateway.identity.get", BOB)

    assert machine["memoryTotalBytes"] > machine["memoryFreeBytes"] > 0
    assert (len(identity["deviceId"]), len(identity["publicKey"])) == (64, 43)
    assert identity == await call("gateway.identity.get", ALICE)


async def test_skills_are_told_in_the_protocols_shape_and_directories_only_to_who_sees_all() -> None:
    assert await call("skills.status", BOB) == {"workspaceDir": "", "managedSkillsDir": "", "skills": []}
    about = {"description": "Answers slowly.", "body": "Wait.", "digest": "0" * 64}
    await run_db(lambda: Skill.objects.create(name="patience", enabled=True, **about))

    told, full = await call("skills.status", BOB), await call("skills.status", ALICE)

    entry = told["skills"][0]
    assert (entry["name"], entry["disabled"], entry["eligible"]) == ("patience", False, True)
    assert (entry["filePath"], entry["baseDir"], told["managedSkillsDir"]) == ("", "", "")
    assert set(entry["requirements"]) == set(entry["missing"]) == {"bins", "anyBins", "env", "config", "os"}
    assert full["skills"][0]["filePath"].startswith(full["managedSkillsDir"])
    assert "Wait." not in json.dumps(full)


async def test_an_answer_that_memory_does_not_have_yet_is_waited_for_over_the_wire(gateway: Gateway) -> None:
    async with gateway.client() as client:
        first, second = await client.call("channels.status"), await client.call("channels.status")

    assert first["channelOrder"] == second["channelOrder"]
    assert first["ts"] == second["ts"]
