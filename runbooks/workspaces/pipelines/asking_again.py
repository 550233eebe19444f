"""Asks forges that did not answer, until they do: there may be no pipeline of theirs that anybody follows.

Whoever moves a connection's breaker on asks, so every worker may look.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from django.utils import timezone

from clawsite.core.breaker import OPEN_SECONDS
from clawsite.core.crypto import DecryptError
from clawsite.core.db import run_db
from clawsite.core.errors import ClawError, log_unknown
from runbooks.models import ForgeConnection
from runbooks.workspaces.pipelines.connections import note_answer, place_of
from runbooks.workspaces.pipelines.forges import open_forge

AT_ONCE = 8
# So long whoever met the failure has for trying again.
SILENT = timedelta(seconds=8)


async def ask_again() -> int:
    """Ask every forge that failed and is not left alone now; return how many those were."""
    rows = await run_db(take_failing)
    await asyncio.gather(*(_ask(row) for row in rows))
    return len(rows)


def take_failing() -> list[ForgeConnection]:
    """Return the connections to ask now, each given to one worker."""
    now = timezone.now()
    later = now + timedelta(seconds=OPEN_SECONDS)
    failing = ForgeConnection.objects.filter(enabled=True, failing_since__lt=now - SILENT)
    rows = failing.exclude(kind=ForgeConnection.Kind.GENERIC).exclude(open_until__gt=now).order_by("pk")[:AT_ONCE]
    return [row for row in rows if _take(row, later)]


def _take(row: ForgeConnection, later: datetime) -> bool:
    return bool(ForgeConnection.objects.filter(pk=row.pk, open_until=row.open_until).update(open_until=later))


async def _ask(row: ForgeConnection) -> None:
    try:
        await open_forge(place_of(row)).list(limit=1)
    except DecryptError:
        return  # nobody was asked: the connection's page says that its token cannot be read
    except ClawError as error:
        await run_db(note_answer, row, error)
    except Exception as error:
        log_unknown(error, where=f"asking the forge of project {row.project_id}")
    else:
        await run_db(note_answer, row)
