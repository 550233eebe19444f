"""The Messages API emulator: routing, checks, scripts, faults.

Invariant: every request under /v1 is in the journal once, and its outcome is filled in when it is over.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from tests.servers.control import answer_control
from tests.servers.faults import Fault, FaultPlan
from tests.servers.hosting import Hosted
from tests.servers.http import HttpServer
from tests.servers.messages.catalogue import MODELS, list_models
from tests.servers.messages.checks import check_body
from tests.servers.messages.controls import MessagesControls
from tests.servers.messages.errors import ApiError, invalid
from tests.servers.messages.journal import Entry, Journal
from tests.servers.messages.operations import Default, Operations
from tests.servers.messages.responder import respond
from tests.servers.messages.scripts import Script, brings_results, last_user_text, pause, text
from tests.servers.messages.stream import Player, plain_rest, start_event, whole_message
from tests.servers.messages.usage import PromptCache, count_prompt
from tests.servers.wire import Cut, Request, Response

MAX_BODY = 32 * 1024 * 1024
KEPT_HEADERS = (
    "anthropic-version",
    "anthropic-beta",
    "user-agent",
    "content-type",
    "x-stainless-retry-count",
)
EVENT_STREAM = "text/event-stream; charset=utf-8"
RETRIED = {408, 409, 429}


class MessagesServer(Hosted, MessagesControls):
    """`async with MessagesServer() as server:` or `with MessagesServer().running() as server:`."""

    def __init__(self, *, port: int = 0) -> None:
        super().__init__()
        self.default = Default()
        self.scripts: list[Script] = []
        self.journal = Journal()
        self.cache = PromptCache()
        self.plan = FaultPlan()
        self.keys: set[str] | None = None
        self.http = HttpServer(self.handle, port=port, gate=self._gate, max_body=MAX_BODY + 1024 * 1024)
        self._ids = itertools.count(1)
        self.operations = Operations(self).table()

    @property
    def url(self) -> str:
        """What the product's ANTHROPIC_BASE_URL is set to."""
        return self.http.url

    async def _open(self) -> None:
        await self.http.open()

    async def _close(self) -> None:
        await self.http.stop()

    def control(self, operation: str, **params: Any) -> Any:
        return self.on_loop(lambda: self.operations[operation](**params))

    def script_when(self, when: Callable[[dict[str, Any]], bool], *steps: dict[str, Any], **options: Any) -> int:
        """Plan an answer for requests whose body the predicate takes; in process only."""
        return int(self.on_loop(lambda: self.operations["script"](list(steps), when=when, **options)))

    # HTTP
    def handle(self, request: Request) -> Any:
        path = request.path
        if path.startswith("/control/"):
            return answer_control(request, self.operations)
        if not path.startswith("/v1/"):
            return Response.from_json({"service": "Messages API emulator", "see": "/control/requests"}, 200)
        kept = {name: request.headers[name] for name in KEPT_HEADERS if name in request.headers}
        entry = self.journal.add(path=path, headers=kept, body=request.body)
        fault = self.plan.take(path.removeprefix("/v1/"))
        if fault is not None:
            return self._faulty(request, entry, fault)
        return self._route(request, entry)

    def _gate(self, request: Request) -> bool:
        path = request.path
        return not path.startswith("/v1/") or not self.plan.cuts_before(path.removeprefix("/v1/"))

    async def _faulty(self, request: Request, entry: Entry, fault: Fault) -> Response:
        if fault.kind == "status":
            extra = {"retry_after": fault.retry_after}
            return self._refuse(entry, ApiError(fault.status, fault.description, kind=fault.error, **extra))
        if fault.seconds:
            await asyncio.sleep(fault.seconds)
        if fault.kind in ("hang", "cut_after"):
            entry.finish("cut")
            raise Cut
        if fault.kind == "garbage":
            entry.finish("error")
            return Response(body=b"<html>502 Bad Gateway</html>", content_type="text/html")
        answer = self._route(request, entry)
        return answer if isinstance(answer, Response) else await answer

    def _route(self, request: Request, entry: Entry) -> Any:
        try:
            version = self._authorise(request)
            if request.method == "GET":
                return self._models(request, entry)
            return self._post(request, entry, version)
        except ApiError as error:
            return self._refuse(entry, error)

    def _authorise(self, request: Request) -> str:
        key = request.headers.get("x-api-key") or ""
        bearer = request.headers.get("authorization", "")
        key = key or (bearer[7:] if bearer.lower().startswith("bearer ") else "")
        if not key:
            raise ApiError(401, "x-api-key header is required")
        if self.keys is not None and key not in self.keys:
            raise ApiError(401, "invalid x-api-key")
        version = request.headers.get("anthropic-version", "")
        if not version:
            raise invalid("anthropic-version: header is required")
        return version

    def _models(self, request: Request, entry: Entry) -> Response:
        name = request.path.removeprefix("/v1/models").strip("/")
        if not request.path.startswith("/v1/models"):
            raise ApiError(404, "Not Found")
        if name and name not in MODELS:
            raise ApiError(404, f"model: {name}")
        limit = int(request.query.get("limit", "20"))
        value = MODELS[name].describe() if name else list_models(limit=limit, after_id=request.query.get("after_id"))
        entry.finish("complete")
        return Response.from_json(value, request_id=self._request_id(entry))

    def _post(self, request: Request, entry: Entry, version: str) -> Any:
        if len(request.body) > MAX_BODY:
            raise ApiError(413, "Request exceeds the maximum size")
        try:
            body = request.json()
        except ValueError as error:
            raise invalid(f"The request body is not valid JSON: {error}") from None
        counting = request.path == "/v1/messages/count_tokens"
        if not counting and request.path != "/v1/messages":
            raise ApiError(404, "Not Found")
        model = check_body(body, version=version, counting=counting)
        entry.model, entry.last_user = model.id, last_user_text(body["messages"])
        if counting:
            entry.finish("complete")
            return Response.from_json({"input_tokens": count_prompt(body)}, request_id=self._request_id(entry))
        entry.usage = self.cache.usage(body, model, marked=b'"cache_control"' in request.body)
        total = sum(entry.usage[n] for n in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"))
        if total > model.max_input_tokens:
            raise invalid(f"prompt is too long: {total} tokens > {model.max_input_tokens} maximum")
        return self._answer(body, entry)

    # Answers
    def _answer(self, body: dict[str, Any], entry: Entry) -> Any:
        entry.stream = bool(body.get("stream"))
        script = self._pick(body, entry.last_user)
        if script is None and self._is_plain(body):
            return self._plain(body, entry)
        if script is None:
            script = self._improvise(body)
        else:
            entry.script = script.id
        return self._perform(script, body, entry)

    def _pick(self, body: dict[str, Any], last_user: str) -> Script | None:
        if not self.scripts:
            return None
        has_result = brings_results(body["messages"])
        for script in self.scripts:
            if script.fits(body, last_user=last_user, has_result=has_result):
                script.used += 1
                if script.times is not None and script.used >= script.times:
                    self.scripts.remove(script)
                return script
        return None

    def _is_plain(self, body: dict[str, Any]) -> bool:
        at_once = not self.default.pause and not self.default.first_pause
        return self.default.text is not None and at_once and bool(body.get("stream"))

    def _plain(self, body: dict[str, Any], entry: Entry) -> Response:
        """The hot path: a fixed text, encoded once, in one piece."""
        start = start_event(self._message_id(), body["model"], entry.usage)
        entry.finish("complete")
        headers = {"request-id": self._request_id(entry), "cache-control": "no-cache"}
        data = start + plain_rest(self.default.text or "", self.default.deltas)
        return Response(body=data, content_type=EVENT_STREAM, headers=headers)

    def _improvise(self, body: dict[str, Any]) -> Script:
        default = self.default
        if default.text is not None:
            steps = [text(default.text, deltas=default.deltas, pause=default.pause)]
        else:
            steps = respond(body, deltas=default.deltas, pause=default.pause)
        if default.first_pause:
            steps.insert(0, pause(default.first_pause))
        return Script(steps=steps)

    async def _perform(self, script: Script, body: dict[str, Any], entry: Entry) -> Response:
        if script.delay:
            await asyncio.sleep(script.delay)
        if (refusal := script.refusal()) is not None:
            return self._refuse(entry, refusal)
        about = {
            "message_id": self._message_id(),
            "model": body["model"],
            "usage": entry.usage | script.usage,
        }
        headers = {"request-id": self._request_id(entry), "cache-control": "no-cache"}
        if entry.stream:
            stream = self._watched(Player(script, **about), entry)
            return Response(content_type=EVENT_STREAM, headers=headers, stream=stream)
        try:
            message = await whole_message(script, **about)
        except ApiError as error:
            return self._refuse(entry, error)
        except Cut:
            entry.finish("cut")
            raise
        entry.finish("complete")
        return Response(body=json.dumps(message).encode(), headers=headers)

    async def _watched(self, player: Player, entry: Entry) -> AsyncIterator[bytes]:
        """Pass a stream on and note how it ended."""
        outcome = "client_closed"
        try:
            async for data in player.play():
                yield data
            ends = [step["do"] for step in player.script.steps if step["do"] in ("eof", "error")]
            outcome = ends[0] if ends else "complete"
        except Cut:
            outcome = "cut"
            raise
        finally:
            entry.finish(outcome)

    def _refuse(self, entry: Entry, error: ApiError) -> Response:
        entry.status, entry.error = error.status, error.message
        entry.finish("refused")
        headers = {"request-id": self._request_id(entry)}
        if error.retry_after is not None:
            headers["retry-after"] = f"{error.retry_after:g}"
        headers["x-should-retry"] = "true" if error.status >= 500 or error.status in RETRIED else "false"
        body = json.dumps(error.to_json(headers["request-id"])).encode()
        return Response(status=error.status, body=body, headers=headers)

    def _message_id(self) -> str:
        return f"msg_01Emulated{next(self._ids):012d}"

    def _request_id(self, entry: Entry) -> str:
        return f"req_011Emulated{entry.seq:012d}"
