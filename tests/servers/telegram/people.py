"""The far side of the chats: users who write, edit, press and react, and what the bot gets to know of it."""

from __future__ import annotations

import base64
import itertools
import secrets
import time
from dataclasses import dataclass
from typing import Any

from tests.servers.control import ControlError
from tests.servers.telegram.entities import Entity, parse_text
from tests.servers.telegram.files import FileStore, document_json, photo_json, voice_json
from tests.servers.telegram.world import Bot, Callback, Chat, Message, World, member_json

MAX_CALLBACKS = 10_000
_albums = itertools.count(14_000_000_000_000_001)


@dataclass(slots=True)
class People:
    """Actions of users in the chats of `world`."""

    world: World
    files: FileStore

    def add_user(
        self,
        name: str,
        *,
        user_id: int | None = None,
        username: str | None = None,
        language_code: str = "en",
        bot: str | None = None,
    ) -> dict[str, Any]:
        """Add a user who has opened the private chat with the bot (all bots when `bot` is None)."""
        first, _, last = name.partition(" ")
        if user_id is None:
            user_id = self.world.next_user_id
            self.world.next_user_id += 1
        user: dict[str, Any] = {
            "id": user_id,
            "is_bot": False,
            "first_name": first,
            "language_code": language_code,
        }
        user |= ({"last_name": last} if last else {}) | ({"username": username} if username else {})
        self.world.users[user_id] = user
        for account in self.world.bots.values():
            if bot in (None, account.token):
                account.chats[user_id] = Chat(id=user_id, type="private", user=user)
        return user

    def add_group(
        self,
        title: str,
        *,
        chat_id: int | None = None,
        topics: bool = False,
        members: list[int] | None = None,
        admin: bool = False,
        basic: bool = False,
        bot: str | None = None,
    ) -> dict[str, Any]:
        """Add a supergroup (`topics` makes it a forum, `basic` a plain group) with the bot in it."""
        if chat_id is None:
            chat_id = -(self.world.next_group_id if basic else 1_000_000_000_000 + self.world.next_group_id)
            self.world.next_group_id += 1
        chat = Chat(
            id=chat_id,
            type="group" if basic else "supergroup",
            title=title,
            is_forum=topics,
            next_message_id=self.world.first_message_id,
        )
        chat.bot_status = "administrator" if admin else "member"
        chat.members = dict.fromkeys(members or self.world.users, "member")
        self.world.find_bot(bot).chats[chat_id] = chat
        return chat.describe()

    def add_topic(self, chat_id: int, name: str, *, bot: str | None = None) -> int:
        """Add a topic to a forum and return its message_thread_id."""
        account = self.world.find_bot(bot)
        chat = account.chats[chat_id]
        thread = account.take_message_id(chat)
        chat.topics[thread] = name
        return thread

    def user_sends(
        self,
        chat_id: int,
        text: str | None = None,
        *,
        user_id: int | None = None,
        thread: int | None = None,
        reply_to: int | None = None,
        parse_mode: str | None = None,
        entities: list[Entity] | None = None,
        photo: str | None = None,
        document: str | None = None,
        voice: str | None = None,
        file_name: str = "file.bin",
        mime_type: str | None = None,
        claimed_size: int | None = None,
        media_group_id: str | None = None,
        forward_from: str | None = None,
        date: int | None = None,
        bot: str | None = None,
    ) -> dict[str, Any]:
        """A user writes; files are base64 and `text` is then the caption.

        Returns the message and its update_id.
        """
        account = self.world.find_bot(bot)
        chat = self._chat(account, chat_id)
        user = self._user(chat, user_id)
        plain, found = parse_text(text or "", parse_mode=parse_mode, entities=entities)
        media = self._media(photo, document, voice, file_name, mime_type, claimed_size)
        content = media | _worded(plain, found, caption=bool(media)) | self._place(chat, thread, reply_to)
        content |= {"media_group_id": media_group_id} if media_group_id else {}
        content |= _forwarded(forward_from) if forward_from else {}
        message = account.store(chat, user, content, by_bot=False)
        if date is not None:
            message.json["date"] = date
        heard = not account.privacy or chat.type == "private" or self._is_for_bot(account, message)
        return message.json | {"update_id": account.updates.add("message", message.json) if heard else None}

    def send_album(
        self, chat_id: int, photos: list[str], *, caption: str | None = None, user_id: int | None = None
    ) -> list[dict[str, Any]]:
        """A user sends several photos (base64) at once: one update each, one media_group_id."""
        album = str(next(_albums))
        captions = [caption, *[None] * (len(photos) - 1)]
        return [
            self.user_sends(chat_id, text, user_id=user_id, photo=photo, file_name="p.png", media_group_id=album)
            for text, photo in zip(captions, photos, strict=True)
        ]

    def user_edits(self, chat_id: int, message_id: int, text: str, *, bot: str | None = None) -> dict[str, Any]:
        """A user edits an own message (its caption when it has a file)."""
        account = self.world.find_bot(bot)
        chat = self._chat(account, chat_id)
        message = self._message(chat, message_id)
        plain, found = parse_text(text, parse_mode=None, entities=None)
        content = {"entities": None, "caption_entities": None} | _worded(
            plain, found, caption="text" not in message.json
        )
        account.change(chat, message, content | {"edit_date": int(time.time())})
        return message.json | {"update_id": account.updates.add("edited_message", message.json)}

    def press(
        self,
        chat_id: int,
        message_id: int,
        *,
        text: str | None = None,
        data: str | None = None,
        user_id: int | None = None,
        bot: str | None = None,
    ) -> str:
        """Press the button of a bot's message with this text or data (the first one without).

        Returns the query id.
        """
        account = self.world.find_bot(bot)
        chat = self._chat(account, chat_id)
        message = self._message(chat, message_id)
        user = self._user(chat, user_id)
        button = _find_button(message, text=text, data=data)
        query = Callback(
            id=str(secrets.randbits(62)),
            created=time.monotonic(),
            user_id=user["id"],
            chat_id=chat_id,
            message_id=message_id,
            data=str(button["callback_data"]),
        )
        account.callbacks[query.id] = query
        if len(account.callbacks) > MAX_CALLBACKS:
            del account.callbacks[next(iter(account.callbacks))]
        payload = {"id": query.id, "from": user, "message": message.json, "data": query.data}
        account.updates.add("callback_query", payload | {"chat_instance": str(chat_id)})
        return query.id

    def callback_answer(self, query_id: str, *, bot: str | None = None) -> dict[str, Any] | None:
        """What the bot answered to a press, None while it has not."""
        query = self.world.find_bot(bot).callbacks.get(query_id)
        return query.answer if query else None

    def react(
        self,
        chat_id: int,
        message_id: int,
        emoji: str | None,
        *,
        user_id: int | None = None,
        bot: str | None = None,
    ) -> int | None:
        """Set or (None) take back a reaction; the update id, None when the bot does not get to know."""
        account = self.world.find_bot(bot)
        chat = self._chat(account, chat_id)
        message = self._message(chat, message_id)
        user = self._user(chat, user_id)
        old = message.reactions.get(str(user["id"]), [])
        new = [{"type": "emoji", "emoji": emoji}] if emoji else []
        message.reactions[str(user["id"])] = new
        chat.changes += 1
        if chat.type != "private" and chat.bot_status != "administrator":
            return None
        payload = {"chat": chat.describe(), "message_id": message_id, "user": user, "date": int(time.time())}
        return account.updates.add("message_reaction", payload | {"old_reaction": old, "new_reaction": new})

    def set_blocked(self, chat_id: int, blocked: bool, *, bot: str | None = None) -> None:
        """A user blocks or unblocks the bot, or a group throws it out or takes it back."""
        account = self.world.find_bot(bot)
        chat = account.chats[chat_id]
        old, new = chat.bot_status, "kicked" if blocked else "member"
        chat.bot_status = new
        me = account.describe()
        payload = {"chat": chat.describe(), "from": self._user(chat, None), "date": int(time.time())}
        payload |= {
            "old_chat_member": member_json(me, old),
            "new_chat_member": member_json(me, new),
        }
        account.updates.add("my_chat_member", payload)

    def migrate_group(self, chat_id: int, *, bot: str | None = None) -> int:
        """A basic group becomes a supergroup; the new id.

        Methods on the old id then answer migrate_to_chat_id.
        """
        account = self.world.find_bot(bot)
        old = account.chats[chat_id]
        new = self.add_group(old.title, members=list(old.members), bot=bot)
        old.migrated_to = int(new["id"])
        sender = self._user(old, None)
        note = account.store(old, sender, {"migrate_to_chat_id": old.migrated_to}, by_bot=False)
        account.updates.add("message", note.json)
        note = account.store(account.chats[old.migrated_to], sender, {"migrate_from_chat_id": chat_id}, by_bot=False)
        account.updates.add("message", note.json)
        return old.migrated_to

    def _chat(self, account: Bot, chat_id: int) -> Chat:
        """The chat; a known user who writes for the first time opens the private chat with that."""
        if chat_id not in account.chats and chat_id in self.world.users:
            account.chats[chat_id] = Chat(id=chat_id, type="private", user=self.world.users[chat_id])
        if chat_id not in account.chats:
            raise ControlError(f"no chat {chat_id}")
        return account.chats[chat_id]

    def _user(self, chat: Chat, user_id: int | None) -> dict[str, Any]:
        if user_id is None:
            user_id = chat.id if chat.user else next(iter(chat.members), None)
        if user_id not in self.world.users:
            raise ControlError(f"no user {user_id}")
        return self.world.users[user_id]

    def _message(self, chat: Chat, message_id: int) -> Message:
        message = chat.find(message_id)
        if message is None:
            raise ControlError(f"no message {message_id} in chat {chat.id}")
        return message

    def _place(self, chat: Chat, thread: int | None, reply_to: int | None) -> dict[str, Any]:
        place: dict[str, Any] = {}
        if thread is not None:
            if thread not in chat.topics:
                raise ControlError(f"no topic {thread}")
            place |= {"message_thread_id": thread, "is_topic_message": True}
        if reply_to is not None:
            place["reply_to_message"] = self._message(chat, reply_to).json
        return place

    def _media(
        self,
        photo: str | None,
        document: str | None,
        voice: str | None,
        name: str,
        mime: str | None,
        size: int | None,
    ) -> dict[str, Any]:
        if photo is not None:
            data = base64.b64decode(photo, validate=True)
            return {"photo": photo_json(self.files.add(data, name=name, kind="photos", mime_type=mime, size=size))}
        if document is not None:
            data = base64.b64decode(document, validate=True)
            stored = self.files.add(data, name=name, kind="documents", mime_type=mime, size=size)
            return {"document": document_json(stored)}
        if voice is not None:
            data = base64.b64decode(voice, validate=True)
            return {
                "voice": voice_json(
                    self.files.add(data, name="voice.oga", kind="voice", mime_type="audio/ogg", size=size)
                )
            }
        return {}

    def _is_for_bot(self, account: Bot, message: Message) -> bool:
        """Privacy mode: commands, mentions and replies only."""
        text = message.json.get("text") or message.json.get("caption") or ""
        replied = message.json.get("reply_to_message", {}).get("from", {}).get("id") == account.id
        return replied or f"@{account.username}".lower() in text.lower() or (text.startswith("/") and "@" not in text)


def _worded(text: str, entities: list[Entity], *, caption: bool) -> dict[str, Any]:
    if not text:
        return {}
    names = ("caption", "caption_entities") if caption else ("text", "entities")
    return {names[0]: text} | ({names[1]: entities} if entities else {})


def _forwarded(name: str) -> dict[str, Any]:
    origin = {"type": "hidden_user", "sender_user_name": name, "date": int(time.time())}
    return {"forward_origin": origin}


def _find_button(message: Message, *, text: str | None, data: str | None) -> dict[str, Any]:
    rows = message.json.get("reply_markup", {}).get("inline_keyboard", [])
    for button in itertools.chain.from_iterable(rows):
        if "callback_data" in button and text in (None, button["text"]) and data in (None, button["callback_data"]):
            return dict(button)
    raise ControlError(f"no such button in message {message.message_id}")
