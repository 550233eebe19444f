"""Smoke tests of a running instance, before people are sent to it: ready, a handshake, a message and its answer.

Two versions may be at work on one database while one takes over from the other, and either may answer a message. So
the message asks who answers, and is repeated until it is the instance that is to be tested.
"""

from __future__ import annotations

import http.client
import secrets
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from django.utils import timezone

from bots.commands.vitals import name_instance
from clawsite.core.errors import ClawError
from clawsite.gateway.principal import Scope
from clawsite.gateway.tokens import create_token, revoke_token
from clawsite.rpc.blocking import BlockingClient, connect
from clawsite.rpc.errors import ClientError
from clawsite.rpc.target import GatewayTarget, TlsOptions

TOKEN_LIFE = timedelta(minutes=10)
ANSWER_SECONDS = 5.0
POLL_SECONDS = 0.1
AGAIN_SECONDS = 0.5
QUESTION = "/status"


class NotSound(ClawError):
    """The instance did not pass a check."""

    code = "not_sound"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where an instance listens. `ca_file`: the authority of its certificate, when it has one of its own."""

    url: str
    ca_file: str = ""

    @property
    def socket_url(self) -> str:
        """The address of its gateway."""
        return "ws" + self.url.removeprefix("http")


def check_instance(place: Place, *, actor: str, seconds: float, say: Callable[[str], None]) -> None:
    """Run every check within so many seconds; NotSound names the one that failed."""
    deadline = time.monotonic() + seconds
    _wait_ready(place, deadline)
    say("It is ready.")
    with _token(actor) as token, _connected(place, token) as client:
        say("It let a program in.")
        _exchange(client, deadline)
    say(f"It answered a message: {name_instance()}.")


def _wait_ready(place: Place, deadline: float) -> None:
    while (reason := _find_reason(place)) is not None:
        if time.monotonic() > deadline:
            raise NotSound(f"It is not ready: {reason}.")
        time.sleep(POLL_SECONDS)


def _find_reason(place: Place) -> str | None:
    """Return why it is not ready, None when it is."""
    address = urlsplit(place.url)
    connection: http.client.HTTPConnection
    if address.scheme == "https":
        context = ssl.create_default_context(cafile=place.ca_file or None)
        connection = http.client.HTTPSConnection(address.netloc, timeout=ANSWER_SECONDS, context=context)
    else:
        connection = http.client.HTTPConnection(address.netloc, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        text = answer.read(200).decode("utf-8", "replace").strip()
        return None if answer.status == http.HTTPStatus.OK else text or f"status {answer.status}"
    except (OSError, http.client.HTTPException) as error:
        return getattr(error, "strerror", None) or str(error) or type(error).__name__
    finally:
        connection.close()


@contextmanager
def _token(actor: str) -> Iterator[str]:
    """Make a token for the length of a block. Should nobody revoke it, it ends by itself."""
    row, secret = create_token("smoke test", scopes=[Scope.WRITE], actor=actor, expires_at=timezone.now() + TOKEN_LIFE)
    try:
        yield secret
    finally:
        revoke_token(row, actor=actor)


@contextmanager
def _connected(place: Place, token: str) -> Iterator[BlockingClient]:
    tls = TlsOptions(ca_file=place.ca_file or None)
    target = GatewayTarget(id="smoke", ws_url=place.socket_url, token_ref=lambda: token, tls=tls)
    try:
        client = connect(target)
    except ClientError as error:
        raise NotSound(f"It let no program in: {error}") from None
    with client:
        yield client


def _exchange(client: BlockingClient, deadline: float) -> None:
    """Write a message, and again until this very instance has answered one."""
    answered = ""
    while time.monotonic() < deadline:
        try:
            answered = _ask(client)
        except ClientError as error:
            raise NotSound(f"It did not answer a message: {error}") from None
        if name_instance() in answered.splitlines():
            return
        time.sleep(AGAIN_SECONDS)
    raise NotSound(f"It answered no message; {'another instance did' if answered else 'nobody did'}.")


def _ask(client: BlockingClient) -> str:
    """Return the answer to one message, in a session that is removed again."""
    key = f"smoke-{secrets.token_hex(8)}"
    params = {"sessionKey": key, "message": QUESTION, "idempotencyKey": key, "timeout": int(ANSWER_SECONDS)}
    try:
        answer = client.request("agent", params, expect_final=True, timeout=ANSWER_SECONDS * 2)
    finally:
        client.request("sessions.delete", {"key": key})
    return "\n".join(part["text"] or "" for part in answer["result"]["payloads"])
