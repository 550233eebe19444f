"""The Bot API emulator: routing, authorisation, faults and limits around the methods.

Invariant: each call of a method is in the ledger once, with how it ended, before its answer leaves.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.servers.control import answer_control
from tests.servers.faults import Fault, FaultPlan
from tests.servers.hosting import Hosted
from tests.servers.http import HttpServer
from tests.servers.multipart import parse_form
from tests.servers.telegram import asking, editing, sending  # noqa: F401  (they register their methods)
from tests.servers.telegram.call import METHODS, Call
from tests.servers.telegram.controls import TelegramControls
from tests.servers.telegram.errors import WEBHOOK_ACTIVE, ApiError, bad_request
from tests.servers.telegram.files import FileStore
from tests.servers.telegram.limits import FloodLimits
from tests.servers.telegram.operations import Operations
from tests.servers.telegram.page import page_response
from tests.servers.telegram.webhook import Sender, Webhook
from tests.servers.telegram.world import DEFAULT_TOKEN, Bot, World
from tests.servers.wire import Cut, Request, Response

GET_UPDATES = "getupdates"
UNLIMITED = {"getchat", "getchatmember", "sendmessagedraft"}


@dataclass(slots=True)
class Delivery:
    """A webhook and the task that serves it."""

    webhook: Webhook
    task: asyncio.Task[None]


class TelegramServer(Hosted, TelegramControls):
    """`async with TelegramServer() as server:` or `with TelegramServer().running() as server:`."""

    def __init__(self, *, port: int = 0, tokens: tuple[str, ...] = (DEFAULT_TOKEN,)) -> None:
        super().__init__()
        self.world = World()
        self.files = FileStore()
        self.plan = FaultPlan()
        self.limits: dict[str, FloodLimits] = {}
        self.deliveries: dict[str, Delivery] = {}
        for token in tokens:
            self.world.add_bot(token)
        self.http = HttpServer(self.handle, port=port, gate=self._gate, max_body=64 * 1024 * 1024)
        self.operations = Operations(self).table()

    @property
    def url(self) -> str:
        """What the product's TELEGRAM_API_URL is set to."""
        return self.http.url

    @property
    def token(self) -> str:
        return next(iter(self.world.bots))

    async def _open(self) -> None:
        await self.http.open()

    async def _close(self) -> None:
        for token in tuple(self.deliveries):
            self.stop_webhook(self.world.bots[token])
        await self.http.stop()

    def control(self, operation: str, **params: Any) -> Any:
        return self.on_loop(lambda: self.operations[operation](**params))

    # HTTP
    def handle(self, request: Request) -> Any:
        path = request.path
        if path.startswith("/bot"):
            token, _, name = path[4:].partition("/")
            return self._method(request, token, name)
        if path.startswith("/file/bot"):
            return self._file(*path[9:].partition("/")[::2])
        if path.startswith("/control/file/"):
            return self._file(None, path.removeprefix("/control/file/"))
        if path.startswith("/control/"):
            return answer_control(request, self.operations)
        return page_response(path)

    def _gate(self, request: Request) -> bool:
        path = request.path
        if not path.startswith(("/bot", "/file/bot")):
            return True
        name = "file" if path.startswith("/file") else path.rpartition("/")[2]
        return not self.plan.cuts_before(name)

    def _file(self, token: str | None, path: str) -> Response:
        if token is not None and token not in self.world.bots:
            return Response.from_json(ApiError(401, "Unauthorized").to_json(), 401)
        stored = self.files.by_path.get(path) if token is not None else self.files.by_id.get(path)
        fault = self.plan.take("file") if token is not None else None
        if fault is not None and fault.kind == "status":
            return Response.from_json(_planned(fault).to_json(), fault.status)
        if fault is not None:
            raise Cut
        if stored is None:
            return Response.from_json(ApiError(404, "Not Found").to_json(), 404)
        kind = stored.mime_type if stored.mime_type.startswith("image/") else "application/octet-stream"
        safe = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}
        return Response(body=stored.data, content_type=kind, headers=safe)

    def _method(self, request: Request, token: str, name: str) -> Any:
        fault = self.plan.take(name)
        if fault is None and name.lower() != GET_UPDATES:
            return self._answer(self._work(request, token, name))
        return self._slow(request, token, name, fault)

    async def _slow(self, request: Request, token: str, name: str, fault: Fault | None) -> Response:
        """A call that waits or is meant to go wrong."""
        if fault is not None and fault.kind == "status":
            entry = self._enter(request, token, name, fault=fault)
            return self._answer(self._end(entry, _planned(fault)))
        if fault is not None and fault.seconds:
            await asyncio.sleep(fault.seconds)
        if fault is not None and fault.kind == "hang":
            raise Cut
        if name.lower() == GET_UPDATES:
            body = await self._poll(request, token, name, fault)
        else:
            body = self._work(request, token, name, fault=fault)
        if fault is not None and fault.kind == "cut_after":
            raise Cut
        if fault is not None and fault.kind == "garbage":
            return Response(body=b'{"ok":true,"result":', content_type="text/html")
        return self._answer(body)

    def _answer(self, body: dict[str, Any]) -> Response:
        return Response.from_json(body, int(body.get("error_code", 200)))

    # Methods
    def _work(self, request: Request, token: str, name: str, *, fault: Fault | None = None) -> dict[str, Any]:
        entry = self._enter(request, token, name, fault=fault)
        try:
            call = self._call(request, token, entry)
            return self._end(entry, self._function(name)(call))
        except ApiError as error:
            return self._end(entry, error)

    async def _poll(self, request: Request, token: str, name: str, fault: Fault | None) -> dict[str, Any]:
        entry = self._enter(request, token, name, fault=fault)
        try:
            call = self._call(request, token, entry)
            if token in self.deliveries:
                raise ApiError(409, WEBHOOK_ACTIVE)
            queue = call.bot.updates
            if (allowed := call.json("allowed_updates")) is not None:
                queue.set_allowed(allowed)
            limit = min(max(call.integer("limit", 100), 1), 100)
            return self._end(entry, await queue.poll(call.integer("offset"), limit, call.integer("timeout")))
        except ApiError as error:
            return self._end(entry, error)

    def _enter(self, request: Request, token: str, name: str, *, fault: Fault | None) -> dict[str, Any]:
        bot = self.world.bots.get(token)
        kind = None if fault is None else fault.kind
        return self.world.ledger.add(
            at=time.time(),
            bot=bot.id if bot else None,
            method=name,
            params={},
            status=None,
            description=None,
            result=None,
            fault=kind,
        )

    def _end(self, entry: dict[str, Any], outcome: Any) -> dict[str, Any]:
        """Write the outcome into the ledger and return the body of the answer."""
        if isinstance(outcome, ApiError):
            entry |= {"status": outcome.code, "description": outcome.description}
            return outcome.to_json()
        entry |= {"status": 200, "result": _short(outcome)}
        return {"ok": True, "result": outcome}

    def _call(self, request: Request, token: str, entry: dict[str, Any]) -> Call:
        """Authorise and parse; raises ApiError."""
        bot = self.world.bots.get(token)
        if bot is None:
            raise ApiError(401, "Unauthorized") if ":" in token else ApiError(404, "Not Found")
        try:
            params, uploads = parse_form(request)
        except ValueError:
            raise bad_request("can't parse the request") from None
        entry["params"] = params | {name: f"<{len(upload.data)} bytes>" for name, upload in uploads.items()}
        return Call(bot=bot, world=self.world, files=self.files, params=params, uploads=uploads)

    def _function(self, name: str) -> Callable[[Call], Any]:
        key = name.lower()
        own = {"setwebhook": self._set_webhook, "deletewebhook": self._delete_webhook}
        if key == "getwebhookinfo":
            return self._webhook_info
        function = own.get(key) or METHODS.get(key)
        if function is None:
            raise ApiError(404, "Not Found")
        return lambda call: self._limited(call, key, function)

    def _limited(self, call: Call, key: str, function: Callable[[Call], Any]) -> Any:
        limits = self.limits.get(call.bot.token)
        if limits is not None and limits.enabled and "chat_id" in call.params and key not in UNLIMITED:
            limits.check(call.chat())
        return function(call)

    # Webhooks
    def _set_webhook(self, call: Call) -> bool:
        url = call.text("url")
        if url and not url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
        if (allowed := call.json("allowed_updates")) is not None:
            call.bot.updates.set_allowed(allowed)
        if call.flag("drop_pending_updates"):
            call.bot.updates.clear()
        self.stop_webhook(call.bot)
        if url:
            call.bot.updates.end_poll("Conflict: terminated by setWebhook request")
            limit = min(max(call.integer("max_connections", 40), 1), 100)
            self._start_webhook(
                call.bot, Webhook(url=url, secret_token=call.text("secret_token"), max_connections=limit)
            )
        return True

    def _delete_webhook(self, call: Call) -> bool:
        self.stop_webhook(call.bot)
        if call.flag("drop_pending_updates"):
            call.bot.updates.clear()
        return True

    def _webhook_info(self, call: Call) -> dict[str, Any]:
        delivery = self.deliveries.get(call.bot.token)
        webhook = delivery.webhook if delivery else Webhook(url="")
        return webhook.describe(call.bot.updates)

    def _start_webhook(self, bot: Bot, webhook: Webhook) -> None:
        def reply(value: dict[str, Any]) -> None:
            call = Call(bot=bot, world=self.world, files=self.files, params=value, uploads={})
            name = str(value["method"])
            entry = self.world.ledger.add(
                at=time.time(),
                bot=bot.id,
                method=name,
                params=value,
                status=None,
                description=None,
                result=None,
                fault=None,
            )
            try:
                self._end(entry, self._function(name)(call))
            except ApiError as error:
                self._end(entry, error)

        sender = Sender(webhook, bot.updates, reply)
        self.deliveries[bot.token] = Delivery(webhook, asyncio.get_running_loop().create_task(sender.run()))

    def stop_webhook(self, bot: Bot) -> None:
        if delivery := self.deliveries.pop(bot.token, None):
            delivery.task.cancel()


def _planned(fault: Fault) -> ApiError:
    """The error a planned fault answers with, in the words of the real server."""
    words = {
        401: "Unauthorized",
        404: "Not Found",
        409: "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
        502: "Bad Gateway",
        500: "Internal Server Error",
        403: "Forbidden: bot was blocked by the user",
        503: "Service Unavailable",
    }
    if fault.retry_after is not None or fault.status == 429:
        seconds = fault.retry_after if fault.retry_after is not None else 1
        seconds = int(seconds) if float(seconds).is_integer() else seconds
        text = fault.description or f"Too Many Requests: retry after {seconds}"
        return ApiError(fault.status, text, retry_after=seconds)
    return ApiError(fault.status, fault.description or words.get(fault.status, "Error"))


def _short(result: Any) -> Any:
    """A result for the ledger: the id of a message, how many of a list, or the value itself."""
    if isinstance(result, dict):
        return result.get("message_id", result.get("id"))
    return len(result) if isinstance(result, list) else result
