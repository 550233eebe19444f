"""What a test can do to the Messages emulator, the same in process and over HTTP."""

from __future__ import annotations

from typing import Any

from tests.servers.control import Controls, HttpControl
from tests.servers.messages.scripts import Step

Json = dict[str, Any]


class MessagesControls(Controls):
    """Scripts for the emulated model and a look at what it was asked.

    Scripts are tried in the order they were added; the first that fits and is not used up answers. A request
    that fits none gets the default: a fixed text, or the small conversational responder.
    """

    def script(
        self,
        *steps: Step,
        match: str | None = None,
        model: str | None = None,
        on_result: bool | None = None,
        times: int | None = 1,
        stop_reason: str | None = None,
        stop_sequence: str | None = None,
        stop_details: Json | None = None,
        usage: Json | None = None,
        delay: float = 0.0,
    ) -> int:
        """Plan an answer from steps (see scripts.py.

        Text, thinking, tool_use, pause, error, cut, eof, trickle).
        """
        stop = {"stop_reason": stop_reason, "stop_sequence": stop_sequence, "stop_details": stop_details}
        wanted = {"match": match, "model": model, "on_result": on_result, "times": times, "delay": delay}
        return int(self.control("script", steps=list(steps), usage=usage or {}, **stop, **wanted))

    def fail(
        self,
        status: int,
        *,
        message: str | None = None,
        error_type: str | None = None,
        retry_after: float | None = None,
        error_code: str | None = None,
        match: str | None = None,
        model: str | None = None,
        times: int | None = 1,
        delay: float = 0.0,
    ) -> int:
        """Plan an error before any stream."""
        error = {"status": status, "message": message, "error_type": error_type, "retry_after": retry_after}
        wanted = {"error_code": error_code, "match": match, "model": model, "times": times, "delay": delay}
        return int(self.control("script", **error, **wanted))

    def set_default(
        self, text: str | None = None, *, deltas: int = 20, pause: float = 0.0, first_pause: float = 0.0
    ) -> None:
        """What a request without a script gets: this text, or with None the responder.

        And how it is streamed.
        """
        self.control("set_default", text=text, deltas=deltas, pause=pause, first_pause=first_pause)

    def set_keys(self, keys: list[str] | None) -> None:
        """Accept these keys only; None accepts any."""
        self.control("set_keys", keys=keys)

    def clear_scripts(self) -> None:
        self.control("clear_scripts")

    def pending_scripts(self) -> int:
        """How many scripts are not used up (those for ever do not count)."""
        return int(self.control("pending_scripts"))

    def requests(self, *, since: int = 0, path: str = "/v1/messages", limit: int = 1000) -> list[Json]:
        """The journal after entry `since`.

        Keys: seq, at, path, headers (no keys), body, model, stream, last_user, script, status, error, usage,
        outcome (running, complete, refused, error, cut, eof, client_closed) and seconds.
        """
        return self.control("requests", since=since, path=path, limit=limit)  # type: ignore[no-any-return]

    def last_request(self) -> int:
        """The number of the newest entry, for `requests(since=...)`."""
        return int(self.control("last_request"))


class MessagesControl(HttpControl, MessagesControls):
    """The controls over HTTP: `MessagesControl("http://127.0.0.1:8082")`."""
