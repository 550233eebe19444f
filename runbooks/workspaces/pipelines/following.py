"""Asks forges how pipelines stand that are open and have not been heard of for a while: a webhook may be lost.

Whoever moves a pipeline's due time on asks for it, so every worker may look. The database is used by the given runner
and the network on the event loop, so that a forge that does not answer keeps nobody else waiting.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from django.utils import timezone

from clawsite.core.db import run_db
from clawsite.core.errors import ClawError, log_unknown
from runbooks.models import ForgeConnection, Pipeline
from runbooks.workspaces.pipelines.asking import NotThere
from runbooks.workspaces.pipelines.connections import find_connection, note_answer, open_connection
from runbooks.workspaces.pipelines.forge import Forge
from runbooks.workspaces.pipelines.taking import UNHEARD, take_pipeline
from runbooks.workspaces.pipelines.values import PipelineInfo

AT_ONCE = 8


async def follow_due() -> int:
    """Ask for every pipeline that is due and return how many those were."""
    pks = await run_db(take_due)
    await asyncio.gather(*(_follow(pk) for pk in pks))
    return len(pks)


def take_due() -> list[int]:
    """Return the pipelines to ask for now, each given to one worker."""
    now = timezone.now()
    due = Pipeline.objects.filter(due_at__lte=now).order_by("due_at").values_list("pk", "due_at")
    later = now + UNHEARD
    return [pk for pk, at in due[:AT_ONCE] if Pipeline.objects.filter(pk=pk, due_at=at).update(due_at=later)]


async def _follow(pk: int) -> None:
    try:
        opened = await run_db(_open, pk)
        if opened is None:
            return
        row, connection, forge = opened
        try:
            info = await forge.get(row.external_id)
        except ClawError as error:
            await run_db(_note_failure, row, connection, error)
        else:
            await run_db(_store, row, connection, info)
    except ClawError:
        return  # the breaker is open, or the token cannot be read: the connection's page says so
    except Exception as error:
        log_unknown(error, where=f"asking for pipeline {pk}")


def _open(pk: int) -> tuple[Pipeline, ForgeConnection, Forge] | None:
    row = Pipeline.objects.select_related("project").filter(pk=pk).first()
    connection = find_connection(row.project) if row is not None else None
    if row is None or connection is None or connection.kind != row.provider:
        Pipeline.objects.filter(pk=pk).update(due_at=None)
        return None
    return row, connection, open_connection(connection)


def _store(row: Pipeline, connection: ForgeConnection, info: PipelineInfo) -> None:
    note_answer(connection)
    take_pipeline(row.project, row.provider, info, live=True)


def _note_failure(row: Pipeline, connection: ForgeConnection, error: ClawError) -> None:
    """Leave alone what is gone; what does not answer is asked again, later and later the longer that lasts."""
    if isinstance(error, NotThere):
        Pipeline.objects.filter(pk=row.pk).update(due_at=None)
        note_answer(connection)
        return
    silent = timezone.now() - row.heard_at
    wait = min(max(UNHEARD, silent), timedelta(hours=1))
    Pipeline.objects.filter(pk=row.pk).update(due_at=timezone.now() + wait)
    note_answer(connection, error)
