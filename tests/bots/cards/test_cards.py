"""Cards in a chat: one message that changes, in order, at the chat's pace, only where it may be seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from django.utils.translation import gettext

from bots.cards import CardView, keeper, register_card, registry
from bots.cards.keeper import AT_ONCE, queue_changed
from bots.channels.base import Button, OutboundMessage
from clawsite.core.db import run_db
from sessions_app.cards import put_card
from sessions_app.models import Card, Channel, Contact, GroupAccess, Message, Outbox
from sessions_app.outbox import mark_sent
from sessions_app.sessions import move_chat
from tests.bots.flow import Flow, until

HOSTILE = "<b>bold</b> [link](http://evil.example) & *stars*"


def render(data: Mapping[str, Any], view: CardView) -> OutboundMessage:
    if data.get("broken"):
        raise ValueError("no words for this")
    word = gettext("Yes") if data.get("yes") else ""
    return OutboundMessage(
        text=f"{data['text']}{word}", plain=True, buttons=((Button(label="Look", data="cmd:status"),),)
    )


@pytest.fixture(autouse=True)
def kind() -> Iterator[None]:
    register_card("test", render)
    yield
    del registry._renders["test"]


@pytest.fixture
def put(flow: Flow) -> Callable[..., Any]:
    """Put Alice's card."""

    def put(text: str, *, chat: int | None = None, key: str = "card", **fields: Any) -> Any:
        place: dict[str, Any] = {"channel_id": flow.channel.pk, "chat_id": str(chat or flow.alice)}
        extra = fields.pop("extra", {})
        return run_db(lambda: put_card(key, kind="test", data={"text": text, **extra}, **place, **fields))

    return put


async def test_a_card_is_one_message_that_changes(flow: Flow, put: Callable[..., Any]) -> None:
    async with flow.running():
        await put("one")
        await until(lambda: flow.texts(flow.alice) == ["one"])
        await flow.quiet()
        await put("two")
        await until(lambda: flow.texts(flow.alice) == ["two"])
        await flow.quiet()
        await put("two")
        await put("three", ring="new")
        await until(lambda: flow.texts(flow.alice) == ["two", "three"])
        await flow.quiet()
        await put("four")
        await until(lambda: flow.texts(flow.alice) == ["two", "four"])
        await flow.quiet()
        await put("five", ring="move")
        await until(lambda: flow.texts(flow.alice) == ["two", "five"])
        await flow.quiet()
    shown = await run_db(lambda: list(Message.objects.order_by("seq").values_list("role", "text")))
    assert shown == [("notice", "two"), ("notice", "four"), ("notice", "five")]


async def test_what_is_outside_text_stays_text(flow: Flow, put: Callable[..., Any]) -> None:
    async with flow.running():
        await put(HOSTILE)
        await until(lambda: flow.texts(flow.alice) == [HOSTILE])
        (message,) = flow.telegram.bot_messages(flow.alice)
        assert not [entity for entity in message.get("entities", ()) if entity["type"] not in ("url",)]


@pytest.mark.django_db
class TestRows:
    """The steps one by one, without a sender."""

    @pytest.fixture(autouse=True)
    def _people(self) -> None:
        self.channel = Channel.objects.create(kind="telegram", name="telegram", token="1:x")
        self.alice = Contact.objects.create(
            channel=self.channel, external_id="7", name="Alice", role="admin", state="approved", language="pt-br"
        )

    def put(self, text: str, *, chat: str = "7", key: str = "card", **fields: Any) -> Card:
        extra = fields.pop("extra", {})
        return put_card(
            key, kind="test", data={"text": text, **extra}, channel_id=self.channel.pk, chat_id=chat, **fields
        )

    def only(self) -> Outbox:
        return Outbox.objects.get()

    def test_a_waiting_row_takes_over_what_is_newer(self) -> None:
        self.put("one", silent=True)
        assert queue_changed() == 1
        self.put("two")
        self.put("three", ring="new")
        assert queue_changed() == 1
        row = self.only()
        assert row.payload["text"] == "three"
        assert "edit_ids" not in row.payload
        assert not row.payload.get("silent")
        assert queue_changed() == 0

    def test_while_a_row_is_sent_the_card_waits(self) -> None:
        self.put("one")
        queue_changed()
        Outbox.objects.update(state="sending")
        self.put("two")
        assert queue_changed() == 0
        mark_sent(self.only().pk, remote_ids=["41"], message_id=None)
        assert queue_changed() == 1
        assert Outbox.objects.latest("id").payload["edit_ids"] == ["41"]
        assert Outbox.objects.latest("id").payload["silent"]

    @pytest.mark.parametrize("waits", [False, True], ids=["shown", "an edit waits"])
    def test_in_a_chat_with_a_new_number_it_comes_anew(self, waits: bool) -> None:
        GroupAccess.objects.create(channel=self.channel, chat_id="-5", allowed=True)
        self.put("one", chat="-5")
        queue_changed()
        Message.objects.update(external_id="40")
        mark_sent(self.only().pk, remote_ids=["41"], message_id=None)
        self.put("two", chat="-5")
        if waits:
            queue_changed()
        move_chat(self.channel.pk, old="-5", new="-1005")
        queue_changed()
        row = Outbox.objects.latest("id")
        assert (row.chat_id, row.payload["text"], row.payload.get("edit_ids")) == ("-1005", "two", None)
        mark_sent(row.pk, remote_ids=["3"], message_id=None)
        self.put("three", chat="-1005")
        queue_changed()
        assert Outbox.objects.latest("id").payload["edit_ids"] == ["3"]
        assert not Message.objects.exclude(external_id="").exists()

    def test_what_rings_comes_after_an_edit_that_waits(self) -> None:
        self.put("one")
        queue_changed()
        mark_sent(self.only().pk, remote_ids=["41"], message_id=None)
        self.put("two")
        queue_changed()
        self.put("three", ring="new")
        assert queue_changed() == 0
        mark_sent(Outbox.objects.latest("id").pk, remote_ids=["41"], message_id=None)
        assert queue_changed() == 1
        assert "edit_ids" not in Outbox.objects.latest("id").payload

    def test_a_message_that_was_given_up_is_sent_anew(self) -> None:
        self.put("one")
        queue_changed()
        Outbox.objects.update(state="dead")
        self.put("two")
        assert queue_changed() == 1
        assert "edit_ids" not in Outbox.objects.latest("id").payload

    def test_words_are_in_the_language_of_who_reads(self) -> None:
        self.put("", extra={"yes": True})
        queue_changed()
        assert self.only().payload["text"] == "Sim"

    def test_charlie_and_groups_that_are_off_see_nothing(self) -> None:
        Contact.objects.create(channel=self.channel, external_id="9", name="Charlie")
        GroupAccess.objects.create(channel=self.channel, chat_id="-5")
        for chat in ("9", "-5", "404"):
            self.put("secret", chat=chat, key=f"card {chat}")
        assert queue_changed() == 3
        assert not Outbox.objects.exists()
        assert set(Card.objects.values_list("error", flat=True)) == {"the chat is not allowed to use the bot"}

    def test_a_card_without_words_holds_up_no_other(self) -> None:
        self.put("", extra={"broken": True}, key="broken")
        self.put("fine", key="fine")
        assert queue_changed() == 2
        assert self.only().payload["text"] == "fine"
        assert Card.objects.get(key="broken").error.startswith("error ")

    def test_cards_that_wait_or_fail_hold_up_no_other(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for number in range(AT_ONCE):
            self.put("one", key=f"card {number}")
        queue_changed()
        Outbox.objects.update(state="sending")
        for number in range(AT_ONCE):
            self.put("two", key=f"card {number}")
        bad = self.put("one", key="bad")
        self.put("one", key="last")
        bring = keeper._bring

        def fail(card: Card, *args: Any, **kwargs: Any) -> bool:
            if card.pk == bad.pk:
                raise OSError("away")
            return bring(card, *args, **kwargs)

        monkeypatch.setattr(keeper, "_bring", fail)
        assert queue_changed() == 1
        assert Card.objects.filter(changed=True).count() == AT_ONCE + 1
        assert not Card.objects.get(key="last").changed

    def test_the_same_again_changes_nothing(self) -> None:
        first = self.put("one")
        queue_changed()
        assert self.put("one").version == first.version
        assert queue_changed() == 0

    def test_too_much_and_nowhere_are_refused(self) -> None:
        with pytest.raises(ValueError, match="larger than"):
            self.put("x" * 70_000)
        with pytest.raises(ValueError, match="which session or chat"):
            put_card("nowhere", kind="test", data={})
