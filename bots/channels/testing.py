"""The contract that every channel adapter keeps, as tests. A new adapter subclasses `AdapterContract` in its tests.

The subclass's module gives two fixtures: `platform`, a stand-in for the far side as `Platform` describes it, and
`adapter`, the adapter under test, opened, for `platform.account()`. Nothing here imports a test library; asserts are
what tests are made of, hence the rule that is switched off.
"""

# ruff: noqa: S101

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from bots.channels.base import (
    Account,
    Address,
    Button,
    ChannelAdapter,
    ChannelError,
    CommandHint,
    InboundFile,
    OutboundMessage,
    Part,
    Unparsed,
)
from bots.channels.rich import utf16_len

PARAGRAPH = "Ünïcode words 🙂 and **bold** ones, a [link](https://example.org/?a=1&b=2) and `code < here`.\n\n"
BUTTONS = ((Button(label="Yes", data="ok:1"), Button(label="No", data="no:1")),)


class Platform(Protocol):
    """The far side, with one person in a direct chat with the bot."""

    def account(self) -> Account:
        """The account the bot speaks through."""

    def address(self) -> Address:
        """The direct chat."""

    def raw_message(self, text: str) -> Mapping[str, Any]:
        """The update of a new message of the person, different at each call."""

    def raw_press(self, data: str) -> Mapping[str, Any]:
        """The update of a button pressed by the person."""

    def malformed(self) -> Sequence[Mapping[str, Any]]:
        """Updates that the adapter cannot understand."""

    def say(self, text: str) -> None:
        """The person writes; the update waits on the platform. Only called for an adapter that polls."""

    def offer_file(self, content: bytes) -> InboundFile:
        """A file that the person sent."""

    def shown(self) -> list[str] | None:
        """The bot's texts as the person sees them, oldest first; None when there is no platform that shows them."""


class AdapterContract:
    """What intake, delivery and streaming count on."""

    # --- who it is ------------------------------------------------------------------------------------------------
    async def test_open_says_who_the_bot_is(self, adapter: ChannelAdapter) -> None:
        identity = await adapter.open()
        assert isinstance(identity["id"], str)
        assert identity["id"]

    async def test_close_may_be_called_twice(self, adapter: ChannelAdapter) -> None:
        await adapter.close()
        await adapter.close()

    # --- what comes in --------------------------------------------------------------------------------------------
    async def test_message_is_read_and_reading_is_pure(self, adapter: ChannelAdapter, platform: Platform) -> None:
        raw = platform.raw_message("hello")
        message = adapter.parse(raw)
        assert message is not None
        assert message == adapter.parse(raw)
        assert (message.kind, message.text, message.direct) == ("message", "hello", True)
        assert message.address == platform.address()
        assert message.external_id == adapter.external_id(raw)
        assert message.sender.external_id

    async def test_each_update_has_an_id_of_its_own(self, adapter: ChannelAdapter, platform: Platform) -> None:
        ids = {adapter.external_id(platform.raw_message("same")) for _ in range(5)}
        assert len(ids) == 5
        assert all(0 < len(one) <= 100 for one in ids)

    async def test_pressed_button_brings_its_data(self, adapter: ChannelAdapter, platform: Platform) -> None:
        message = adapter.parse(platform.raw_press("ok:123"))
        assert message is not None
        assert (message.kind, message.callback_data) == ("callback", "ok:123")
        assert message.callback_id

    async def test_malformed_updates_are_unparsed(self, adapter: ChannelAdapter, platform: Platform) -> None:
        for raw in platform.malformed():
            try:
                adapter.external_id(raw)
                adapter.parse(raw)
            except Unparsed:
                continue
            raise AssertionError(f"{raw} was understood")

    async def test_updates_repeat_until_the_next_batch_is_asked_for(
        self, adapter: ChannelAdapter, platform: Platform
    ) -> None:
        if not adapter.polls:
            assert [batch async for batch in adapter.updates()] == []
            return
        platform.say("first")
        assert await self._next_text(adapter) == "first"
        # The consumer went away without coming back for more, as after a crash.
        updates = adapter.updates()
        assert _text(adapter, await anext(updates)) == "first"
        platform.say("second")
        assert _text(adapter, await anext(updates)) == "second"
        await updates.aclose()  # type: ignore[attr-defined]
        assert await self._next_text(adapter) == "second"

    async def _next_text(self, adapter: ChannelAdapter) -> str:
        updates = adapter.updates()
        try:
            return _text(adapter, await anext(updates))
        finally:
            await updates.aclose()  # type: ignore[attr-defined]

    # --- what goes out --------------------------------------------------------------------------------------------
    async def test_every_part_is_within_the_limits(self, adapter: ChannelAdapter) -> None:
        for repeats in (1, 30, 200, 2000):
            parts = adapter.render(OutboundMessage(text=PARAGRAPH * repeats))
            assert parts
            assert all(_is_within(part, adapter) for part in parts)

    async def test_no_word_is_lost_in_rendering(self, adapter: ChannelAdapter) -> None:
        text = "\n".join(f"word{number}" for number in range(1500))
        parts = adapter.render(OutboundMessage(text=text))
        whole = "\n".join(part.fallback for part in parts if part.file is None)
        whole += "".join((part.content or b"").decode() for part in parts)
        assert set(text.split()) <= set(whole.split())

    async def test_blank_message_has_no_parts(self, adapter: ChannelAdapter) -> None:
        assert adapter.render(OutboundMessage(text=" \n\t ")) == []

    async def test_plain_text_is_shown_as_it_is(self, adapter: ChannelAdapter) -> None:
        (part,) = adapter.render(OutboundMessage(text="**not bold** <b>_x_</b>", plain=True))
        assert part.fallback == "**not bold** <b>_x_</b>"

    async def test_reply_opens_and_buttons_close_a_message(self, adapter: ChannelAdapter) -> None:
        message = OutboundMessage(text="long line\n" * 900, buttons=BUTTONS, reply_to_id="7")
        first, *_, last = [*adapter.render(message), *adapter.render(message)]
        parts = adapter.render(message)
        assert [part.reply_to_id for part in parts] == ["7"] + [""] * (len(parts) - 1)
        assert [part.buttons for part in parts] == [()] * (len(parts) - 1) + [BUTTONS]
        assert first.notify
        assert not any(part.notify for part in parts[1:])
        assert last == parts[-1]

    async def test_what_is_sent_is_shown_once(self, adapter: ChannelAdapter, platform: Platform) -> None:
        (part,) = adapter.render(OutboundMessage(text="Hello **there**", buttons=BUTTONS))
        ids = [await adapter.send(platform.address(), part) for _ in range(2)]
        assert all(ids)
        assert len(set(ids)) == 2
        assert platform.shown() in (None, ["Hello there", "Hello there"])

    async def test_plain_send_uses_the_fallback(self, adapter: ChannelAdapter, platform: Platform) -> None:
        (part,) = adapter.render(OutboundMessage(text="Hello **there**"))
        broken = Part(body="<b>never closed", fallback=part.fallback)
        assert await adapter.send(platform.address(), broken, plain=True)
        assert platform.shown() in (None, ["Hello there"])

    async def test_edit_replaces_and_may_change_nothing(self, adapter: ChannelAdapter, platform: Platform) -> None:
        before, after = (adapter.render(OutboundMessage(text=text))[0] for text in ("before", "after"))
        remote_id = await adapter.send(platform.address(), before)
        for _ in range(2):
            await adapter.edit(platform.address(), remote_id, after)
        assert platform.shown() in (None, ["after"])

    async def test_delete_may_be_repeated(self, adapter: ChannelAdapter, platform: Platform) -> None:
        (part,) = adapter.render(OutboundMessage(text="away with it"))
        remote_id = await adapter.send(platform.address(), part)
        for _ in range(2):
            await adapter.delete(platform.address(), remote_id)
        assert platform.shown() in (None, [])

    async def test_small_signs_are_accepted(self, adapter: ChannelAdapter, platform: Platform) -> None:
        (part,) = adapter.render(OutboundMessage(text="like it"))
        remote_id = await adapter.send(platform.address(), part)
        await adapter.typing(platform.address())
        await adapter.react(platform.address(), remote_id, "👍")
        await adapter.set_commands({"": [CommandHint(name="help", description="What I can do")]})

    async def test_callback_that_is_too_old_is_no_failure(self, adapter: ChannelAdapter) -> None:
        await adapter.answer_callback("1", text="x" * 500, alert=True)

    # --- files ----------------------------------------------------------------------------------------------------
    async def test_file_is_fetched_whole(self, adapter: ChannelAdapter, platform: Platform, tmp_path: Path) -> None:
        content = bytes(range(256)) * 300
        file = platform.offer_file(content)
        for _ in range(2):
            assert await adapter.fetch(file.ref, tmp_path / "got", limit=len(content)) == len(content)
        assert (tmp_path / "got").read_bytes() == content
        assert names_in(tmp_path) == ["got"]

    async def test_file_that_is_too_large_leaves_nothing(
        self, adapter: ChannelAdapter, platform: Platform, tmp_path: Path
    ) -> None:
        file = platform.offer_file(b"x" * 1000)
        error = await channel_error(adapter.fetch(file.ref, tmp_path / "got", limit=999))
        assert error.permanent
        assert names_in(tmp_path) == []

    async def test_unknown_file_is_a_failure(self, adapter: ChannelAdapter, tmp_path: Path) -> None:
        for ref in ("nobody/knows", "../../etc/passwd", "/etc/passwd"):
            await channel_error(adapter.fetch(ref, tmp_path / "got", limit=10**6))
        assert names_in(tmp_path) == []


def names_in(folder: Path) -> list[str]:
    """Return the names of what lies in a folder."""
    return sorted(entry.name for entry in folder.iterdir())


async def channel_error(call: Awaitable[object]) -> ChannelError:
    """Return the ChannelError that a call ends with; AssertionError when it ends well."""
    try:
        await call
    except ChannelError as error:
        return error
    raise AssertionError("no ChannelError")


def _text(adapter: ChannelAdapter, batch: Sequence[Mapping[str, Any]]) -> str:
    (raw,) = batch
    message = adapter.parse(raw)
    assert message is not None
    return message.text


def _is_within(part: Part, adapter: ChannelAdapter) -> bool:
    limits = adapter.capabilities
    return utf16_len(part.fallback) <= (limits.text_max if part.file is None else limits.caption_max)
