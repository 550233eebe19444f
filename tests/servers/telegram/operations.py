"""The operations behind the controls, by name; they run on the server's loop."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.servers.control import ControlError
from tests.servers.telegram.limits import FloodLimits
from tests.servers.telegram.people import People
from tests.servers.telegram.world import Chat

if TYPE_CHECKING:
    from tests.servers.telegram.server import TelegramServer

DRAFT_SECONDS = 30.0
ACTION_SECONDS = 5.0


class Operations:
    """Everything `/control/<name>` and `TelegramServer.control` can do."""

    def __init__(self, server: TelegramServer) -> None:
        self.server = server
        self.world = server.world
        self.people = People(server.world, server.files)

    def table(self) -> dict[str, Callable[..., Any]]:
        people = self.people
        own: list[Callable[..., Any]] = [
            self.add_bot,
            self.inject,
            self.repeat_update,
            self.pending_updates,
            self.set_options,
            self.set_limits,
            self.messages,
            self.calls,
            self.last_call,
            self.chats,
            self.users,
            self.bots,
            self.commands,
            self.webhook,
            self.fault,
            self.clear_faults,
            self.faults,
            self.refuse_connections,
            self.cut_connections,
        ]
        theirs: list[Callable[..., Any]] = [
            people.add_user,
            people.add_group,
            people.add_topic,
            people.user_sends,
            people.send_album,
            people.user_edits,
            people.press,
            people.callback_answer,
            people.react,
            people.set_blocked,
            people.migrate_group,
        ]
        return {operation.__name__: operation for operation in [*own, *theirs]}

    def add_bot(self, token: str) -> dict[str, Any]:
        return self.world.add_bot(token).describe()

    def inject(self, update: Any, force: bool = False, bot: str | None = None) -> None:
        queue = self.world.find_bot(bot).updates
        if isinstance(update, dict) and "update_id" not in update and not force:
            update = {"update_id": queue.next_id} | update
        if force or not isinstance(update, dict) or not isinstance(update["update_id"], int):
            queue.force(update)
        else:
            queue.put(update)

    def repeat_update(self, update_id: int, bot: str | None = None) -> None:
        queue = self.world.find_bot(bot).updates
        if update_id not in queue.recent:
            raise ControlError(f"update {update_id} is not known any more")
        queue.force(queue.recent[update_id])

    def pending_updates(self, bot: str | None = None) -> list[Any]:
        queue = self.world.find_bot(bot).updates
        return [*queue.forced, *(queue.bodies[update_id][1] for update_id in queue.pending)]

    def set_options(
        self,
        repeat_every: int | None = None,
        retention: float | None = None,
        next_update_id: int | None = None,
        privacy: bool | None = None,
        callback_seconds: float | None = None,
        bot: str | None = None,
    ) -> None:
        account = self.world.find_bot(bot)
        queue = account.updates
        queue.repeat_every = queue.repeat_every if repeat_every is None else repeat_every
        queue.retention = queue.retention if retention is None else retention
        queue.next_id = queue.next_id if next_update_id is None else next_update_id
        account.privacy = account.privacy if privacy is None else privacy
        account.callback_seconds = account.callback_seconds if callback_seconds is None else callback_seconds

    def set_limits(self, bot: str | None = None, **rates: Any) -> None:
        self.server.limits[self.world.find_bot(bot).token] = FloodLimits(**rates)

    def messages(
        self,
        chat_id: int,
        after: int = 0,
        thread: int | None = None,
        limit: int = 1000,
        bot: str | None = None,
    ) -> list[dict[str, Any]]:
        chat = self.world.find_bot(bot).chats.get(chat_id)
        if chat is None:
            return []
        newest = itertools.takewhile(lambda m: m.message_id > after, reversed(chat.messages.values()))
        found = (m.describe() for m in newest if thread is None or m.json.get("message_thread_id") == thread)
        return list(itertools.islice(found, limit))[::-1]

    def calls(self, since: int = 0, method: str | None = None, limit: int = 10_000) -> list[dict[str, Any]]:
        wanted = None if method is None else method.lower()
        found = (dict(e) for e in self.world.ledger.since(since) if wanted is None or e["method"].lower() == wanted)
        return list(itertools.islice(found, limit))

    def last_call(self) -> int:
        return self.world.ledger.last

    def chats(self, bot: str | None = None) -> list[dict[str, Any]]:
        return [self._chat(chat) for chat in self.world.find_bot(bot).chats.values() if chat.migrated_to is None]

    def _chat(self, chat: Chat) -> dict[str, Any]:
        now = time.time()
        action = chat.action[1] if chat.action and now - chat.action[0] < ACTION_SECONDS else None
        drafts = [draft for draft in chat.drafts.values() if now - draft["at"] < DRAFT_SECONDS]
        more = {"members": list(chat.members), "action": action, "drafts": drafts, "changes": chat.changes}
        topics = [{"message_thread_id": thread, "name": name} for thread, name in chat.topics.items()]
        return chat.describe() | more | {"topics": topics, "bot_status": chat.bot_status}

    def users(self) -> list[dict[str, Any]]:
        return list(self.world.users.values())

    def bots(self) -> list[dict[str, Any]]:
        return [bot.describe() | {"token": bot.token} for bot in self.world.bots.values()]

    def commands(self, scope: str = "default", language_code: str = "", bot: str | None = None) -> list[dict[str, str]]:
        return self.world.find_bot(bot).commands.get((scope, language_code), [])

    def webhook(self, bot: str | None = None) -> dict[str, Any] | None:
        account = self.world.find_bot(bot)
        delivery = self.server.deliveries.get(account.token)
        if delivery is None:
            return None
        counts = {"delivered": delivery.webhook.delivered, "attempts": delivery.webhook.attempts}
        return delivery.webhook.describe(account.updates) | counts

    def fault(self, kind: str, **options: Any) -> None:
        self.server.plan.add(kind, **options)

    def faults(self) -> list[dict[str, Any]]:
        return self.server.plan.describe()

    def clear_faults(self) -> None:
        self.server.plan.clear()

    def refuse_connections(self, for_seconds: float) -> None:
        self.server.http.shut_for(for_seconds)

    def cut_connections(self) -> None:
        self.server.http.cut_soon()
