"""Trying a gateway once, now, for a person who waits: what works, or a sentence that says what is wrong."""

from __future__ import annotations

import asyncio
from importlib import import_module

from clawsite.core.errors import BadInput, Unavailable
from clawsite.rpc.errors import ClientError
from clawsite.rpc.hello import Identity
from clawsite.rpc.tokens import hide
from runbooks.models import GatewayTarget
from runbooks.targets.rows import to_target, token_of

SECONDS = 15.0
IDENTITY = Identity(display_name="clawsite dispatcher", scopes=("operator.read", "operator.write"))
NEEDED = ("jobs.create", "jobs.start", "jobs.status", "jobs.subscribe", "jobs.cancel", "jobs.result")


def probe_target(row: GatewayTarget) -> str:
    """Connect and ask; BadInput when that fails for good, Unavailable when it may work later. Stores nothing."""
    try:
        target = to_target(row)
    except ClientError as error:
        raise BadInput(str(error)) from None
    try:
        return asyncio.run(_ask(row))
    except ClientError as error:
        kind = Unavailable if error.retryable else BadInput
        text = hide(str(error), token_of(target))
        raise kind(f"The gateway cannot be used: {text}") from None
    except TimeoutError:
        raise Unavailable(f"There was no answer within {int(SECONDS)} seconds.") from None


async def _ask(row: GatewayTarget) -> str:
    # The socket library is loaded by who connects, and not by every process that shows the button.
    client = import_module("clawsite.rpc.client").GatewayClient(to_target(row), identity=IDENTITY)
    try:
        async with asyncio.timeout(SECONDS):
            hello = await client.connect()
            seconds = await client.ping()
    finally:
        await client.close()
    missing = [name for name in NEEDED if name not in hello.methods]
    if missing:
        raise BadInput(f"It answers but has no methods for jobs: {', '.join(missing)}.")
    if not {"operator.write", "operator.admin"} & set(hello.scopes):
        raise BadInput("It answers, but the token may not create jobs there; it needs the scope operator.write.")
    return f"It works: version {hello.version}, an answer takes {round(seconds * 1000)} ms."
