"""What the adapter makes of parts, places and webhooks, as the Bot API sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from bots.channels.base import Account, Address, Button, CommandHint, OutboundFile, OutboundMessage, Part
from bots.channels.telegram.adapter import TelegramAdapter
from bots.channels.testing import channel_error, names_in
from tests.bots.channels.telegram.platform import TelegramPlatform
from tests.servers.telegram.server import TelegramServer

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
SECRET = "s" * 32


def last(server: TelegramServer, method: str) -> dict[str, Any]:
    """The parameters of the newest call of a method."""
    params: dict[str, Any] = server.calls(method=method)[-1]["params"]
    return params


@pytest.fixture
def home(tmp_path: Path, settings: Settings) -> Path:
    """A state directory with files to send."""
    settings.CLAW_HOME = tmp_path
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.png").write_bytes(PNG)
    (tmp_path / "media" / "r.pdf").write_bytes(b"%PDF")
    return tmp_path


# --- messages -----------------------------------------------------------------------------------------------------
async def test_message_with_everything(
    adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer
) -> None:
    question = server.user_sends(platform.alice, "question")
    buttons = (
        (Button(label="Yes", data="ok:1", style="success"), Button(label="No", data="no:1")),
        (Button(label="Odd", data="x:1", style="sparkling"),),
    )
    message = OutboundMessage(
        text="**hi** <you>", buttons=buttons, reply_to_id=str(question["message_id"]), notify=False
    )
    (part,) = adapter.render(message)
    await adapter.send(platform.address(), part)
    (shown,) = server.bot_messages(platform.alice)
    assert shown["text"] == "hi <you>"
    assert shown["reply_to_message"]["message_id"] == question["message_id"]
    sent = last(server, "sendMessage")
    assert (sent["parse_mode"], sent["disable_notification"]) == ("HTML", "true")
    assert json.loads(sent["link_preview_options"]) == {"is_disabled": True}
    assert json.loads(sent["reply_markup"])["inline_keyboard"] == [
        [
            {"text": "Yes", "callback_data": "ok:1", "style": "success"},
            {"text": "No", "callback_data": "no:1"},
        ],
        [{"text": "Odd", "callback_data": "x:1"}],
    ]


async def test_reply_to_a_message_that_is_gone_is_sent_all_the_same(
    adapter: TelegramAdapter, platform: TelegramPlatform
) -> None:
    await adapter.send(platform.address(), Part(body="x", fallback="x", reply_to_id="4711"))
    assert platform.shown() == ["x"]


async def test_topic_of_a_group(adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer) -> None:
    group = server.add_group("Ops", topics=True, members=[platform.alice])
    topic = server.add_topic(group["id"], "deploys")
    place = Address(chat_id=str(group["id"]), thread_id=str(topic))
    await adapter.send(place, Part(body="x", fallback="x"))
    await adapter.typing(place)
    (shown,) = server.bot_messages(group["id"])
    assert shown["message_thread_id"] == topic
    assert last(server, "sendChatAction")["message_thread_id"] == str(topic)


async def test_calls_share_a_kept_connection(
    adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer
) -> None:
    for _ in range(10):
        await adapter.send(platform.address(), Part(body="x", fallback="x"))
    assert len(server.http.connections) == 1


async def test_edit_without_buttons_takes_them_away(
    adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer
) -> None:
    button = ((Button(label="Stop", data="cmd:stop"),),)
    remote_id = await adapter.send(platform.address(), Part(body="working", fallback="working", buttons=button))
    await adapter.edit(platform.address(), remote_id, Part(body="<b>done</b>", fallback="done"))
    (shown,) = server.bot_messages(platform.alice)
    assert shown["text"] == "done"
    assert not shown.get("reply_markup")


async def test_text_does_not_become_a_file(adapter: TelegramAdapter, platform: TelegramPlatform, home: Path) -> None:
    remote_id = await adapter.send(platform.address(), Part(body="x", fallback="x"))
    part = Part(body="", fallback="", file=OutboundFile(path="media/a.png", name="a.png"))
    assert (await channel_error(adapter.edit(platform.address(), remote_id, part))).gone


async def test_reaction_is_put_and_taken_away(
    adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer
) -> None:
    message = server.user_sends(platform.alice, "x")
    for emoji, expected in (("👍", [{"type": "emoji", "emoji": "👍"}]), ("", [])):
        await adapter.react(platform.address(), str(message["message_id"]), emoji)
        assert json.loads(last(server, "setMessageReaction")["reaction"]) == expected


async def test_press_is_answered(adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer) -> None:
    button = ((Button(label="Yes", data="ok:1"),),)
    remote_id = await adapter.send(platform.address(), Part(body="sure?", fallback="sure?", buttons=button))
    query_id = server.press(platform.alice, int(remote_id), data="ok:1")
    updates = adapter.updates()
    (raw,) = await anext(updates)
    await updates.aclose()  # type: ignore[attr-defined]
    press = adapter.parse(raw)
    assert press is not None
    assert (press.kind, press.callback_id, press.callback_data, press.message_id) == (
        "callback", query_id, "ok:1", remote_id,
    )  # fmt: skip
    await adapter.answer_callback(press.callback_id, text="y" * 300, alert=True)
    answer = server.callback_answer(query_id)
    assert answer is not None
    assert (len(answer["text"]), answer["show_alert"]) == (200, True)


async def test_mention_is_known_after_open(
    adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer
) -> None:
    group = server.add_group("Ops", members=[platform.alice])
    server.user_sends(group["id"], f"@{adapter.bot.username} hi", user_id=platform.alice)
    updates = adapter.updates()
    (raw,) = await anext(updates)
    await updates.aclose()  # type: ignore[attr-defined]
    message = adapter.parse(raw)
    assert message is not None
    assert (message.mentioned, message.direct) == (True, False)


def test_mention_is_known_from_the_stored_identity() -> None:
    identity = {"id": "99", "username": "claw_bot"}
    adapter = TelegramAdapter(Account(channel_id=1, name="tg", token="99:x", identity=identity))
    assert (adapter.bot.id, adapter.bot.username) == (99, "claw_bot")
    assert TelegramAdapter(Account(channel_id=1, name="tg", token="77:x")).bot.id == 77


# --- files --------------------------------------------------------------------------------------------------------
async def test_picture_with_caption_and_buttons(
    adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer, home: Path
) -> None:
    photo = OutboundFile(path="media/a.png", name="a.png", mime="image/png", kind="photo")
    message = OutboundMessage(text="**chart**", files=(photo,), buttons=((Button(label="x", data="y"),),))
    (part,) = adapter.render(message)
    await adapter.send(platform.address(), part)
    (shown,) = server.bot_messages(platform.alice)
    assert shown["caption"] == "chart"
    assert shown["photo"]
    assert shown["reply_markup"]


async def test_document_keeps_its_name(
    adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer, home: Path
) -> None:
    for name, shown_name in (("отчёт 1.pdf", "отчёт 1.pdf"), ("../../x\r\n.pdf", "x.pdf")):
        part = Part(body="", fallback="", file=OutboundFile(path="media/r.pdf", name=name))
        await adapter.send(platform.address(), part)
        document = server.bot_messages(platform.alice)[-1]["document"]
        assert (document["file_name"], document["file_size"]) == (shown_name, 4)


async def test_long_answer_is_a_file_with_the_whole(
    adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer
) -> None:
    source = "**word** " * 5000
    for part in adapter.render(OutboundMessage(text=source)):
        await adapter.send(platform.address(), part)
    text, file = server.bot_messages(platform.alice)
    assert text["text"].endswith("…")
    assert (file["document"]["file_name"], file["document"]["file_size"]) == ("answer.md", len(source))


async def test_large_picture_goes_as_a_document(
    adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer, home: Path
) -> None:
    (home / "media" / "large.png").write_bytes(PNG + b"\0" * (10 * 1024 * 1024))
    file = OutboundFile(path="media/large.png", name="large.png", kind="photo")
    await adapter.send(platform.address(), Part(body="", fallback="", file=file))
    assert "document" in server.bot_messages(platform.alice)[-1]


async def test_picture_that_cannot_be_shown_goes_as_a_document(
    adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer, home: Path
) -> None:
    server.fault("status", method="sendPhoto", status=400, description="Bad Request: PHOTO_INVALID_DIMENSIONS")
    file = OutboundFile(path="media/a.png", name="a.png", kind="photo")
    await adapter.send(platform.address(), Part(body="", fallback="", file=file))
    document = server.bot_messages(platform.alice)[-1]["document"]
    assert document["file_size"] == len(PNG)


async def test_file_beyond_the_platform_s_limit_is_not_tried(
    adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer, home: Path
) -> None:
    with (home / "media" / "huge.bin").open("wb") as file:
        file.truncate(50 * 1024 * 1024 + 1)
    part = Part(body="", fallback="", file=OutboundFile(path="media/huge.bin", name="huge.bin"))
    assert (await channel_error(adapter.send(platform.address(), part))).permanent
    assert server.calls(method="sendDocument") == []


async def test_secrets_beside_the_media_are_never_sent(
    adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer, home: Path
) -> None:
    (home / "secret.key").write_text("key")
    for path in ("secret.key", "media/../secret.key", "/etc/passwd"):
        part = Part(body="", fallback="", file=OutboundFile(path=path, name="x"))
        assert (await channel_error(adapter.send(platform.address(), part))).permanent
    assert server.bot_messages(platform.alice) == []


async def test_claimed_size_is_checked_before_fetching(
    adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer, tmp_path: Path
) -> None:
    message = server.user_sends(platform.alice, document=b"x" * 2000)
    error = await channel_error(adapter.fetch(message["document"]["file_id"], tmp_path / "f", limit=1999))
    assert error.permanent
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(("status", "permanent"), [(404, True), (401, True), (429, False), (500, False), (302, False)])
async def test_file_that_cannot_be_fetched(
    adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer, tmp_path: Path, status: int,
    permanent: bool,
) -> None:  # fmt: skip
    message = server.user_sends(platform.alice, document=b"x")
    server.fault("status", method="file", status=status)
    error = await channel_error(adapter.fetch(message["document"]["file_id"], tmp_path / "f", limit=10))
    assert error.permanent is permanent
    assert server.token not in repr(error) + repr(error.__cause__)
    assert names_in(tmp_path) == []


@pytest.mark.faults
async def test_download_that_is_cut_leaves_nothing(
    adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer, tmp_path: Path
) -> None:
    message = server.user_sends(platform.alice, document=b"x" * 100)
    server.fault("cut_after", method="file")
    error = await channel_error(adapter.fetch(message["document"]["file_id"], tmp_path / "f", limit=1000))
    assert not error.permanent
    assert names_in(tmp_path) == []
    assert await adapter.fetch(message["document"]["file_id"], tmp_path / "f", limit=1000) == 100


# --- menu and webhook ---------------------------------------------------------------------------------------------
async def test_menu_by_language(adapter: TelegramAdapter, server: TelegramServer) -> None:
    help_, bad = CommandHint(name="help", description="What I can do"), CommandHint(name="No-Good", description="x")
    russian = CommandHint(name="help", description="я" * 300)
    many = [CommandHint(name=f"c{number}", description="") for number in range(150)]
    await adapter.set_commands({"": [help_, bad], "pt-br": many, "ru": [russian]})
    assert server.commands() == [{"command": "help", "description": "What I can do"}]
    assert len(server.commands(language_code="pt")) == 100
    assert server.commands(language_code="pt")[0] == {"command": "c0", "description": "c0"}
    assert server.commands(language_code="ru") == [{"command": "help", "description": "я" * 256}]


async def test_webhook_is_set_and_removed(adapter: TelegramAdapter, server: TelegramServer) -> None:
    await adapter.ensure_webhook("http://127.0.0.1:9/webhook/telegram/1", SECRET)
    hook = server.webhook()
    assert hook is not None
    assert hook["url"] == "http://127.0.0.1:9/webhook/telegram/1"
    asked = last(server, "setWebhook")
    assert (asked["secret_token"], asked["drop_pending_updates"]) == (SECRET, "false")
    assert "message_reaction" in asked["allowed_updates"]
    await adapter.remove_webhook()
    assert server.webhook() is None


@pytest.mark.parametrize(
    ("secret", "headers", "expected"),
    [
        (SECRET, {"X-Telegram-Bot-Api-Secret-Token": SECRET}, True),
        (SECRET, {"x-telegram-bot-api-secret-token": SECRET}, True),
        (SECRET, {"X-Telegram-Bot-Api-Secret-Token": SECRET[:-1]}, False),
        (SECRET, {"X-Telegram-Bot-Api-Secret-Token": "é"}, False),
        (SECRET, {}, False),
        ("", {"X-Telegram-Bot-Api-Secret-Token": ""}, False),
        ("", {}, False),
    ],
)
def test_webhook_secret(secret: str, headers: dict[str, str], expected: bool) -> None:
    adapter = TelegramAdapter(Account(channel_id=1, name="tg", token="1:x", webhook_secret=secret))
    assert adapter.verify(headers) is expected


def test_mode_decides_who_polls(settings: Settings) -> None:
    settings.TELEGRAM_MODE = "webhook"
    assert not TelegramAdapter(Account(channel_id=1, name="tg")).polls
    assert TelegramAdapter(Account(channel_id=1, name="tg", config={"mode": "polling"})).polls


def test_poll_is_shorter_than_the_lease(settings: Settings) -> None:
    for lease, seconds in ((60, 25), (20, 10), (2, 1)):
        settings.CLAW_LEASE_SECONDS = lease
        assert TelegramAdapter(Account(channel_id=1, name="tg")).polling.poll_seconds == seconds


def test_sdk_is_not_imported_before_use() -> None:
    code = (
        "import sys, django; django.setup()\n"
        "from bots.channels.registry import get_adapter\n"
        "from bots.channels.base import Account\n"
        "get_adapter('telegram')(Account(channel_id=1, name='x', token='1:x')).verify({})\n"
        "sys.exit(any(name in sys.modules for name in ('telegram', 'httpx')))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
