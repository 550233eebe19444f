"""Who and what is there: bots, users, chats, messages with their edits, callback queries.

Invariant: only this module gives out message ids and changes a stored message; each change is kept in its
history.
"""

from __future__ import annotations

import time
import zlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from tests.servers.telegram.errors import QUERY_TOO_OLD, ApiError, bad_request
from tests.servers.telegram.updates import UpdateQueue

DEFAULT_TOKEN = "1000000001:AAEmulatorTokenForTestsOnly_0123456789"  # the shape of a real one, good for nothing
KEPT_MESSAGES = 50_000
KEPT_CALLS = 100_000
CALLBACK_SECONDS = 15.0
RIGHTS = (
    "can_be_edited",
    "is_anonymous",
    "can_manage_chat",
    "can_delete_messages",
    "can_manage_video_chats",
    "can_restrict_members",
    "can_promote_members",
    "can_change_info",
    "can_invite_users",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
)
STATUS_FIELDS: dict[str, dict[str, Any]] = {
    "administrator": dict.fromkeys(RIGHTS, True),
    "kicked": {"until_date": 0},
}


@dataclass(slots=True, kw_only=True)
class Message:
    """A message as the Bot API shows it, what it was before, and whether it is gone."""

    json: dict[str, Any]
    by_bot: bool
    history: list[dict[str, Any]] = field(default_factory=list)
    deleted: bool = False
    reactions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def message_id(self) -> int:
        return int(self.json["message_id"])

    def describe(self) -> dict[str, Any]:
        """For the control side.

        The message with `by_bot`, `deleted`, `reactions` and `history` (oldest first).
        """
        extra = {"by_bot": self.by_bot, "deleted": self.deleted, "history": [*self.history]}
        return self.json | extra | {"reactions": dict(self.reactions)}


@dataclass(slots=True, kw_only=True)
class Chat:
    """A chat as one bot knows it."""

    id: int
    type: str
    title: str = ""
    is_forum: bool = False
    user: dict[str, Any] | None = None
    bot_status: str = "member"
    migrated_to: int | None = None
    topics: dict[int, str] = field(default_factory=dict)
    members: dict[int, str] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict)
    next_message_id: int = 1
    drafts: dict[int, dict[str, Any]] = field(default_factory=dict)
    action: tuple[float, str] | None = None
    changes: int = 0

    def describe(self) -> dict[str, Any]:
        if self.user is not None:
            names = {key: self.user[key] for key in ("first_name", "last_name", "username") if key in self.user}
            return {"id": self.id, "type": self.type} | names
        chat: dict[str, Any] = {"id": self.id, "type": self.type, "title": self.title}
        return chat | ({"is_forum": True} if self.is_forum else {})

    def find(self, message_id: Any) -> Message | None:
        message = self.messages.get(int(message_id)) if str(message_id).lstrip("-").isdigit() else None
        return None if message is None or message.deleted else message


@dataclass(slots=True, kw_only=True)
class Callback:
    """A pressed button waiting for its answer."""

    id: str
    created: float
    user_id: int
    chat_id: int
    message_id: int
    data: str
    answer: dict[str, Any] | None = None


class Bot:
    """One bot account with everything it can see."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.id = int(token.partition(":")[0])
        self.username = f"emulated_{self.id}_bot"
        self.name = "Emulated bot"
        self.privacy = False
        self.updates = UpdateQueue(first_id=100_000_000 + zlib.crc32(token.encode()) % 100_000_000)
        self.chats: dict[int, Chat] = {}
        self.callbacks: dict[str, Callback] = {}
        self.commands: dict[tuple[str, str], list[dict[str, str]]] = {}
        self.next_message_id = 1
        self.callback_seconds = CALLBACK_SECONDS

    def describe(self) -> dict[str, Any]:
        return {"id": self.id, "is_bot": True, "first_name": self.name, "username": self.username}

    def get_chat(self, chat_id: Any) -> Chat:
        """The chat a method names by id; raises what the real server answers when it can't be written to."""
        chat = self.chats.get(int(chat_id)) if str(chat_id).lstrip("-").isdigit() else None
        if chat is None:
            raise bad_request("chat not found" if chat_id not in (None, "") else "chat_id is empty")
        if chat.migrated_to is not None:
            text = "Bad Request: group chat was upgraded to a supergroup chat"
            raise ApiError(400, text, migrate_to_chat_id=chat.migrated_to)
        if chat.bot_status == "kicked":
            kind = "supergroup" if chat.type == "supergroup" else "group"
            blocked = "bot was blocked by the user"
            raise ApiError(403, f"Forbidden: {blocked if chat.user else f'bot was kicked from the {kind} chat'}")
        if chat.bot_status == "left":
            raise ApiError(403, f"Forbidden: bot is not a member of the {chat.type} chat")
        return chat

    def take_message_id(self, chat: Chat) -> int:
        """Supergroups count for themselves, all other chats of a bot share one counter."""
        holder: Bot | Chat = chat if chat.type == "supergroup" else self
        message_id = holder.next_message_id
        holder.next_message_id += 1
        return message_id

    def store(self, chat: Chat, sender: dict[str, Any], content: dict[str, Any], *, by_bot: bool) -> Message:
        """Add a new message to a chat."""
        head = {"message_id": self.take_message_id(chat), "date": int(time.time())}
        message = Message(json=head | {"chat": chat.describe(), "from": sender} | content, by_bot=by_bot)
        chat.messages[message.message_id] = message
        if len(chat.messages) > KEPT_MESSAGES:
            del chat.messages[next(iter(chat.messages))]
        chat.changes += 1
        return message

    def change(self, chat: Chat, message: Message, content: dict[str, Any]) -> None:
        """Replace text, caption, entities or markup; a key with None goes away.

        The old form joins the history.
        """
        keys = ("text", "entities", "caption", "caption_entities", "reply_markup", "edit_date")
        message.history.append({key: message.json[key] for key in keys if key in message.json} | {"at": time.time()})
        message.json = {k: v for k, v in (message.json | content).items() if v is not None}
        chat.changes += 1

    def find_callback(self, query_id: str) -> Callback:
        found = self.callbacks.get(query_id)
        if found is None or time.monotonic() - found.created > self.callback_seconds:
            raise ApiError(400, QUERY_TOO_OLD)
        return found


def member_json(user: dict[str, Any], status: str) -> dict[str, Any]:
    """A ChatMember with the fields that its status demands."""
    return {"user": user, "status": status} | STATUS_FIELDS.get(status, {})


class Ledger:
    """Every call of every bot, numbered from 1; the oldest are dropped beyond a bound."""

    def __init__(self) -> None:
        self.entries: deque[dict[str, Any]] = deque(maxlen=KEPT_CALLS)
        self.last = 0

    def add(self, **entry: Any) -> dict[str, Any]:
        self.last += 1
        entry["seq"] = self.last
        self.entries.append(entry)
        return entry

    def since(self, seq: int) -> list[dict[str, Any]]:
        """Entries with a larger number, in order."""
        missing = self.last - seq
        if missing <= 0:
            return []
        start = max(0, len(self.entries) - missing)
        return [self.entries[index] for index in range(start, len(self.entries))]


@dataclass(slots=True)
class World:
    """All bots and users of one server."""

    bots: dict[str, Bot] = field(default_factory=dict)
    users: dict[int, dict[str, Any]] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    next_user_id: int = 5001
    next_group_id: int = 7001
    first_message_id: int = 1

    def add_bot(self, token: str) -> Bot:
        bot = self.bots.setdefault(token, Bot(token))
        return bot

    def count_on(self, number: int) -> None:
        """Count updates and messages from a number, so that the ids of an earlier run do not come again."""
        self.first_message_id = number
        for bot in self.bots.values():
            bot.updates.next_id = bot.next_message_id = number

    def find_bot(self, token: str | None) -> Bot:
        """The bot with this token, the first one for None."""
        if token is None:
            return next(iter(self.bots.values()))
        return self.bots[token]
