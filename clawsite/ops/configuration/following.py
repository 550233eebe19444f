"""The repository follows the rows: after each change that the audit log tells of there is a commit with its author.

Truth is rows; a commit that could not be made is made after the next look. What two people change within one look is
one commit, by who was last; its message names both.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from functools import reduce
from operator import or_

from django.db.models import Q

from clawsite.core.db import run_db
from clawsite.core.errors import ClawError, log_unknown
from clawsite.core.models import AuditEvent, User
from clawsite.ops.configuration import repository
from clawsite.ops.configuration.sections import NOUNS
from clawsite.ops.configuration.state import texts_now
from guardrails.types import Actor
from sessions_app.models import Contact

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
# Whoever waits for the start goes first: writing all of it down takes the better part of a second.
START_SECONDS = 10.0
# After a failure, such as a full disk: it is tried again without filling the log.
FAILED_SECONDS = 30.0
MOST_EVENTS = 200
MOST_LINES = 50
SYSTEM = Actor(subject="system", name="clawsite")


async def keep_following_config() -> None:
    """Look every two seconds until cancelled. Without git there is nothing to be kept."""
    if shutil.which("git") is None:
        logger.warning("git is not installed, so no history of the configuration is kept")
        return
    await asyncio.sleep(START_SECONDS)
    while True:
        pause = FAILED_SECONDS
        try:
            await follow()
            pause = LOOK_SECONDS
        except ClawError as error:
            logger.warning("the configuration could not be committed: %s", error.message)
        except Exception as error:
            log_unknown(error, where="the history of the configuration")
        await asyncio.sleep(pause)


async def follow() -> str | None:
    """Commit what changed since the last look, and return the commit."""
    seen, newest = await asyncio.to_thread(repository.read_seen), await run_db(_newest)
    if newest == seen:
        return None
    first = not 0 <= seen < newest  # the first look, or an older database was restored
    events = [] if first else await run_db(_events_between, seen, newest)
    sha = None
    if first or events:
        texts, actor = await run_db(texts_now), await run_db(actor_of, events[-1].actor if events else "")
        sha = await asyncio.to_thread(repository.commit, texts, _say(events), actor=actor)
    await asyncio.to_thread(repository.write_seen, newest)
    return sha


def commit_now(message: str, *, actor: Actor) -> str | None:
    """Commit the rows as they are; None when nothing has changed."""
    return repository.commit(texts_now(), message, actor=actor)


def _events_between(seen: int, newest: int) -> list[AuditEvent]:
    """Return what was done to rows that are configuration, the latest of very many."""
    ours = reduce(or_, (Q(action__startswith=f"{noun}.") for noun in sorted(NOUNS)))
    rows = AuditEvent.objects.filter(ours, pk__gt=seen, pk__lte=newest).order_by("-pk")[:MOST_EVENTS]
    return list(rows)[::-1]


def _newest() -> int:
    return AuditEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def actor_of(subject: str) -> Actor:
    """Return who stands behind a subject of the audit log, by the name that people know."""
    kind, _, number = subject.partition(":")
    pk = int(number) if number.isascii() and number.isdecimal() and len(number) < 18 else 0
    name = ""
    if kind == "user":
        name = User.objects.filter(pk=pk).values_list("username", flat=True).first() or ""
    elif kind == "contact":
        name = str(Contact.objects.filter(pk=pk).first() or "")
    return Actor(subject=subject, name=name or subject) if subject else SYSTEM


def _say(events: list[AuditEvent]) -> str:
    if not events:
        return "Begin.\n"
    lines = [f"{event.action} {event.subject} by {event.actor}" for event in events[:MOST_LINES]]
    head = f"{events[-1].action} {events[-1].subject}".strip()
    return head + "\n\n" + "\n".join(lines) + "\n"
