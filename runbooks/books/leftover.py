"""What a run left behind: the finished steps that nothing has undone. Pure, from the plan and what became of it."""

from __future__ import annotations

from typing import Any

from runbooks.models import Job, Run


def left_to_undo(run: Run, job: Job) -> list[dict[str, Any]]:
    """Return the steps that undo it, the last one first. One that fails keeps none of the others back.

    `on_cancel` of a step says whether it is done by itself when the run is cancelled.
    """
    kept = job.saved.get("progress") or {}
    done, undone = kept.get("do") or [], kept.get("undo") or []
    return [
        {"on_cancel": False, **step["rollback"], "on_failure": "continue", "rollback": None}
        for number, step in reversed(list(enumerate(run.plan)))
        if step.get("rollback") and _state(done, number) == "ok" and not _state(undone, number)
    ]


def _state(rows: list[dict[str, Any]], number: int) -> str:
    return str(rows[number]["state"]) if number < len(rows) else ""
