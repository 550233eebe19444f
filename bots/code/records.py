"""Tool calls and the conversation of a /code, kept in rows under the lease of its job."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction

from bots.agent.calls import CallRow, begin_waiting, load_rows, values_of
from clawsite.core.errors import LeaseLost
from runbooks.jobs import JobContext
from runbooks.models import CodeRun, Job
from sessions_app.models import ToolCall


class JobRecord:
    """The calls of one job. Who lost the job commits nothing."""

    def __init__(self, ctx: JobContext, run: CodeRun) -> None:
        self._ctx = ctx
        self._run = run

    def load(self) -> dict[str, CallRow]:
        """Return all calls of the job by call id."""
        return load_rows(self._known())

    def intend(self, row: CallRow, *, state: dict[str, Any]) -> bool:
        """Commit that this call is about to run; False when it was begun or finished before."""
        with transaction.atomic():
            self._check()
            known = self._known().filter(call_id=row.call_id)
            if not begin_waiting(known):
                if known.exists():
                    return False
                self.finish([row])
            self._store(state)
        return True

    def wait(self, rows: Sequence[CallRow], *, state: dict[str, Any]) -> None:
        """Commit that these calls wait for a decision."""
        with transaction.atomic():
            self._check()
            self.finish(rows)
            self._store(state)

    def finish(self, rows: Iterable[CallRow]) -> None:
        """Commit what became of calls."""
        with transaction.atomic():
            for row in rows:
                values = values_of(row)
                ToolCall.objects.update_or_create(
                    job_key=self._ctx.key,
                    call_id=values.pop("call_id"),
                    create_defaults=values,
                    defaults={name: values[name] for name in ("state", "result", "finished_at")},
                )

    def keep(self, state: dict[str, Any]) -> None:
        """Commit where the conversation stands: from here another process goes on."""
        with transaction.atomic():
            self._check()
            self._store(state)

    def _known(self) -> Any:
        return ToolCall.objects.filter(job_key=self._ctx.key)

    def _store(self, state: dict[str, Any]) -> None:
        CodeRun.objects.filter(pk=self._run.pk).update(agent=state, steps=state["steps"], tainted=state["tainted"])

    def _check(self) -> None:
        """Raise LeaseLost unless the job is ours. Locks its row to the end of the transaction."""
        ours = Job.objects.select_for_update().filter(
            pk=self._ctx.job.pk, token=self._ctx.token, state=Job.State.RUNNING
        )
        if not ours.exists():
            raise LeaseLost("Another process has this job.")
