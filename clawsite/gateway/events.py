"""What other processes tell this one, for its connections: tokens and devices that were changed, jobs that went on."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from typing import Any

from django.conf import settings

from clawsite.core.db import run_db
from clawsite.core.errors import log_unknown
from clawsite.core.nudge import NudgeListener
from clawsite.gateway import approvalfeed, cronfeed, hot
from clawsite.gateway.auth import grants
from clawsite.gateway.feeds import feeds
from clawsite.gateway.hub import hub
from clawsite.gateway.jobfeed import feed
from clawsite.gateway.keeper import end_blocked_devices, end_dead_tokens
from clawsite.gateway.paired import describe_request
from clawsite.gateway.principal import Scope
from clawsite.models import GatewayDevice, GatewayToken

logger = logging.getLogger(__name__)

_looks: set[asyncio.Task[None]] = set()


def listen(listener: NudgeListener) -> None:
    """Subscribe the gateway's connections to nudges."""
    hot.listen(listener)
    listener.on("token", _on_token)
    listener.on("device", lambda data: _look(_tell_device(data)))
    listener.on("job", feed.on_nudge)
    approvalfeed.listen(listener)
    cronfeed.listen(listener)
    feeds.listen(listener)
    if not settings.CLAW_GATEWAY_TOKEN:
        _look(_say_when_shut())


async def _say_when_shut() -> None:
    """Say when nobody can connect; a token is needed everywhere, also on this machine. At first there is none."""
    if await run_db(GatewayToken.objects.live().exists):
        return
    how = "make a token (manage.py token create NAME)"
    if await run_db(GatewayToken.objects.exists):
        logger.warning("nobody can call the gateway on %s any more: %s", settings.CLAW_HOST, how)
    else:
        logger.info("no program can call the gateway on %s yet: %s", settings.CLAW_HOST, how)


def _on_token(data: dict[str, Any]) -> None:
    grants.forget()
    _look(end_dead_tokens({int(data["token"])}))


def _look(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.get_running_loop().create_task(_guard(work))
    _looks.add(task)
    task.add_done_callback(_looks.discard)


async def _guard(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception as error:  # a database that does not answer; the clock looks again
        log_unknown(error, where="a look after a nudge")


async def _tell_device(data: dict[str, Any]) -> None:
    """Close a device that is shut out; tell those who may decide that one asks, was answered or is not as it was."""
    told: dict[str, Any] = {"deviceId": str(data["id"]), "ts": round(time.time() * 1000)}
    await end_blocked_devices({told["deviceId"]})
    if "decision" in data:
        told |= {"requestId": data["request"], "decision": data["decision"]}
        hub.broadcast("device.pair.resolved", told, scope=Scope.PAIRING)
    elif "change" in data:
        hub.broadcast("device.pair.changed", told | {"change": data["change"]}, scope=Scope.PAIRING)
    elif (row := await run_db(GatewayDevice.objects.waiting().filter(pk=int(data["device"])).first)) is not None:
        hub.broadcast("device.pair.requested", describe_request(row), scope=Scope.PAIRING)
