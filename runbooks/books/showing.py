"""What is to be seen of a run: a card that is edited while it goes on, and a new message at its end. Data, no words."""

from __future__ import annotations

import json
from typing import Any

from django.db import transaction

from runbooks.books.leftover import left_to_undo
from runbooks.books.progress import Part
from runbooks.models import Job, Run
from sessions_app.cards import DATA_BYTES, put_card

NOTE_CHARS = 120
OUTPUT_CHARS = 600
# How much of a text a card holds; less of it where there are so many that the card would be too large.
CARD_CHARS = (120, 60, 12)


def describe_run(run: Run, job: Job) -> dict[str, Any]:
    """Return a run as data, for cards, the wire and pages."""
    kept = job.saved.get("progress") or {}
    return {
        "run": run.pk,
        "job": job.key,
        "name": run.name,
        "title": run.title,
        "target": run.target,
        "by": run.requested_name or run.requested_by,
        "dry_run": run.dry_run,
        "state": str(job.state),
        "parameters": run.parameters,
        "steps": [_step(step, _row(kept, "do", number)) for number, step in enumerate(run.plan)],
        "undo": [
            _step(step["rollback"], _row(kept, "undo", number))
            for number, step in reversed(list(enumerate(run.plan)))
            if step.get("rollback") and _row(kept, "undo", number)["state"]
        ],
        "output": str(kept.get("tail", ""))[-OUTPUT_CHARS:],
        "error": job.error or str(kept.get("error", "")),
        "seconds": _seconds(job),
        **_rollback(run, job),
    }


def _rollback(run: Run, job: Job) -> dict[str, Any]:
    """Return which run this one undoes; of one that ended before its end, which one undoes it, or how much could be
    undone, and whether some of it was."""
    if job.state not in (Job.State.CANCELLED, Job.State.FAILED, Job.State.TIMED_OUT):
        return {"undoes": run.undoes_id}
    undoing = Run.objects.filter(undoes=run).values_list("pk", flat=True).first()
    return {
        "undoes": run.undoes_id,
        "undone_by": undoing,
        "undo_left": 0 if undoing else len(left_to_undo(run, job)),
        "undo_begun": any(row["state"] for row in (job.saved.get("progress") or {}).get("undo") or []),
    }


def _row(kept: dict[str, Any], part: Part, number: int) -> dict[str, Any]:
    rows = kept.get(part) or []
    return rows[number] if number < len(rows) else {"state": "", "seconds": 0.0, "note": ""}


def _step(step: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": step["title"],
        "kind": step["kind"],
        "shown": step["shown"][:NOTE_CHARS],
        "state": row["state"],
        "seconds": row["seconds"],
        "note": row["note"][:NOTE_CHARS],
    }


def _seconds(job: Job) -> float:
    if job.started_at is None or job.ended_at is None:
        return 0.0
    return round((job.ended_at - job.started_at).total_seconds(), 1)


def show_run(run: Run, job: Job) -> None:
    """Bring the run's card up to date. Safe to repeat."""
    if run.session_id is not None:
        with transaction.atomic():
            put_card(run.ref, session_id=run.session_id, kind="run", data=_for_card(run, job), silent=True)


def _for_card(run: Run, job: Job) -> dict[str, Any]:
    """Return a run as data that a card can hold: of very many steps only the beginnings of what they say."""
    data = describe_run(run, job)
    for chars in CARD_CHARS:
        short = data | {name: _cut(data[name], chars) for name in ("parameters", "steps", "undo")}
        if len(json.dumps(short, ensure_ascii=False).encode()) <= DATA_BYTES:
            break
    return short


def _cut(value: Any, chars: int) -> Any:
    if isinstance(value, dict):
        return {key: _cut(each, chars) for key, each in value.items()}
    if isinstance(value, list):
        return [_cut(each, chars) for each in value]
    return f"{value[: chars - 1]}…" if isinstance(value, str) and len(value) > chars else value


def show_end(run: Run, job: Job) -> None:
    """Bring the card to its last state, and say in a new message how it ended, because edits do not ring."""
    if run.session_id is None:
        return
    show_run(run, job)
    if not run.dry_run:
        data = describe_run(run, job)
        short = {key: data[key] for key in ("run", "name", "title", "target", "state", "error", "seconds", "by")}
        short |= {key: data[key] for key in ("undone_by", "undo_left", "undo_begun") if key in data}
        counts = {"done": sum(step["state"] == "ok" for step in data["steps"]), "count": len(data["steps"])}
        put_card(f"{run.ref}:end", session_id=run.session_id, kind="run-end", data=short | counts)
