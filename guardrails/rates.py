"""How often things may happen, in one table: pages and forms, webhooks, sockets and their frames.

`CLAW_RATES` changes single ones: `login=10/m, chat.upload=100/h`. Pages count with django-ratelimit, everything in
front of Django and every socket with `check_named`, both by this table. What one person may write in chats is
CLAW_USER_RATE, and what a program may ask on one connection CLAW_GATEWAY_RATE.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings

from guardrails.limits import RateAnswer, check_limit

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_ENTRY = re.compile(r"([a-z][a-z.-]*)=([1-9][0-9]{0,6})/([smhd])")
# This machine has one address for everybody who comes from it.
LOCAL_FACTOR = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """So many in so many seconds. `open`: what cannot be counted may happen."""

    count: int
    seconds: int
    what: str
    open: bool = False

    @property
    def text(self) -> str:
        """The rate in the words of django-ratelimit."""
        return f"{self.count}/{self.seconds}s"

    def times(self, factor: int) -> Rate:
        """The same with so many times the count."""
        return Rate(count=self.count * factor, seconds=self.seconds, what=self.what, open=self.open)


DEFAULTS: Mapping[str, Rate] = {
    "page": Rate(count=600, seconds=60, open=True, what="pages that one address or account opens"),
    "form": Rate(count=120, seconds=60, what="forms that one address or account sends"),
    "login": Rate(count=5, seconds=60, what="passwords that one address tries"),
    "second-factor": Rate(count=10, seconds=60, what="codes that one address tries"),
    "first-login": Rate(count=20, seconds=60, what="looks at the first admin's link from one address"),
    "chat.new": Rate(count=30, seconds=60, what="browsers of one address that open the chat for the first time"),
    "chat.upload": Rate(count=30, seconds=60, what="files that one visitor of the chat sends"),
    "chat.frame": Rate(count=20, seconds=1, what="frames on one socket of the chat; twice as many at once"),
    "page.socket": Rate(count=600, seconds=60, open=True, what="sockets that the pages of one address open"),
    "webhook.refused": Rate(count=60, seconds=60, open=True, what="deliveries of one address that were refused"),
    "webhook.telegram": Rate(count=6000, seconds=60, open=True, what="deliveries of Telegram to one channel"),
    "webhook.ci": Rate(count=600, seconds=60, open=True, what="deliveries of forges for one project"),
}


def find_rate(name: str) -> Rate:
    """Return the rate that holds for a name of the table."""
    return _rates(tuple(settings.CLAW_RATES))[name]


def check_named(name: str, who: str, *, local: bool = False) -> RateAnswer:
    """Count one use by an address, a project, ... against its rate. With Redis it waits for the network."""
    rate = find_rate(name).times(LOCAL_FACTOR if local else 1)
    return check_limit(f"{name}:{who}", limit=rate.count, seconds=rate.seconds)


async def acheck_named(name: str, who: str, *, local: bool = False) -> RateAnswer:
    """The same from an event loop."""
    if settings.REDIS_URL:
        return await asyncio.to_thread(check_named, name, who, local=local)
    return check_named(name, who, local=local)


def wrong_entries() -> list[str]:
    """Return the entries of CLAW_RATES that name no rate or give none."""
    return [entry for entry in settings.CLAW_RATES if not _parse(entry)]


@lru_cache(maxsize=8)
def _rates(entries: tuple[str, ...]) -> dict[str, Rate]:
    changed = [parsed for entry in entries if (parsed := _parse(entry))]
    return {**DEFAULTS, **dict(changed)}


def _parse(entry: str) -> tuple[str, Rate] | None:
    match = _ENTRY.fullmatch(entry.replace(" ", ""))
    if match is None or match[1] not in DEFAULTS:
        return None
    known = DEFAULTS[match[1]]
    return match[1], Rate(count=int(match[2]), seconds=_SECONDS[match[3]], what=known.what, open=known.open)
