"""All methods of the gateway: each with a name, a scope, a schema and one line of description.

A method is a function of a call and its checked parameters. A plain function answers from memory and runs on the
event loop at once; when it returns `Later`, because memory has no answer yet, it is called once more in a task and
waited for. A coroutine function runs as a task. What it returns is the payload; `Encoded` is JSON already.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec

from clawsite.gateway.errors import missing_scope, unknown_method
from clawsite.gateway.principal import Principal, Scope

P = TypeVar("P", bound="Params")

Encoded = msgspec.Raw
METHOD_SECONDS = 30.0


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Parameters of a method: closed, so that a misspelt name is an error and not silently nothing."""


class Later:
    """An answer that must be read. Reading begins when it is awaited, so that a queue can hold it back or refuse it."""

    __slots__ = ("_begin",)

    def __init__(self, begin: Callable[[], Awaitable[Any]]) -> None:
        self._begin = begin

    def __await__(self) -> Generator[Any, None, Any]:
        return self._begin().__await__()


class Follower(Protocol):
    """A connection, as methods see it. Nothing here blocks or raises."""

    id: str
    principal: Principal
    client: Mapping[str, Any]
    caps: frozenset[str]

    def follow(self, session_id: int) -> None:
        """Send the chat and agent events of a session from here on (the 64 followed last)."""

    def unfollow(self, session_id: int) -> None:
        """Stop that."""

    def watch_sessions(self, wanted: bool) -> None:
        """Send `sessions.changed` and `session.message` of every session this principal may see, or stop that."""

    def watch_job(self, job_id: str, after_seq: int) -> None:
        """Send the events of a job, from the one after `after_seq` on, at the pace the client reads."""

    def unwatch_job(self, job_id: str) -> None:
        """Stop that."""


@dataclass(kw_only=True, slots=True)
class Call:
    """One request on its way."""

    request_id: str
    method: str
    connection: Follower
    respond: Callable[[Any], None]
    """Send a first response now, for methods that answer twice; what the method returns is the second."""

    @property
    def principal(self) -> Principal:
        """Who calls."""
        return self.connection.principal


Handler = Callable[[Call, Any], Any | Awaitable[Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Method:
    """A registered method."""

    name: str
    scope: Scope
    summary: str
    params: type[Params]
    handler: Handler
    is_task: bool
    decoder: msgspec.json.Decoder[Any]
    seconds: float = METHOD_SECONDS
    waits: bool = False

    def parse(self, raw: msgspec.Raw) -> Any:
        """Return the parameters; msgspec.ValidationError says where they are wrong."""
        return self.decoder.decode(raw if bytes(raw) != b"null" else b"{}")


_methods: dict[str, Method] = {}


def method(
    name: str,
    *,
    scope: Scope,
    summary: str,
    params: type[Params] = Params,
    seconds: float = METHOD_SECONDS,
    waits: bool = False,
) -> Callable[[Handler], Handler]:
    """Register the decorated function as a method.

    `summary` is one sentence for METHODS.md; `seconds` is what a task may take before the caller is told to try again;
    `waits` says that it waits for the end of something most of that time.
    """

    def add(handler: Handler) -> Handler:
        if name in _methods:
            raise ValueError(f"There are two methods named {name!r}.")
        _methods[name] = Method(
            name=name,
            scope=scope,
            summary=summary,
            params=params,
            handler=handler,
            is_task=inspect.iscoroutinefunction(handler),
            decoder=msgspec.json.Decoder(params),
            seconds=seconds,
            waits=waits,
        )
        return handler

    return add


def all_methods() -> Mapping[str, Method]:
    """Return every method by name."""
    return _methods


def get_method(name: str, *, principal: Principal) -> Method:
    """Return the method if there is one and the caller may use it; GatewayError otherwise."""
    found = _methods.get(name)
    if found is None:
        raise unknown_method(name)
    if found.scope not in principal.scopes:
        raise missing_scope(found.scope)
    return found


async def invoke(name: str, call: Call, raw: msgspec.Raw) -> Any:
    """Run a method to its end and return its payload: what a connection does, without the socket."""
    found = get_method(name, principal=call.principal)
    answer = found.handler(call, found.parse(raw))
    return await answer if inspect.isawaitable(answer) else answer
