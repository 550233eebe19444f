"""What is to be seen of a deploy: a card that changes in place, and a message at its end. Data, no words."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from runbooks.books.showing import describe_run
from runbooks.models import Deploy, Job, Run
from runbooks.workspaces.watchers import sessions_of
from sessions_app.cards import put_card

NOTE_CHARS = 300
SHOWN_CHANGES = 10


def describe_deploy(job: Job, *, deploy: Deploy | None, run: Run | None) -> dict[str, Any]:
    """Return a deploy as data, also one that was refused before it had a row."""
    told: dict[str, Any] = {
        "job": job.key,
        "project": deploy.project.name if deploy else "",
        "key": job.params["project"],
        "environment": job.params["environment"],
        "kind": job.params["kind"],
        "state": str(job.state),
        "outcome": str(deploy.state) if deploy else "",
        "commit": deploy.commit if deploy else "",
        "back": deploy is not None and deploy.previous_id is not None,
        "by": (deploy.requested_name or deploy.requested_by) if deploy else "",
        "changes": deploy.changes[:SHOWN_CHANGES] if deploy else [],
        "more": max(0, len(deploy.changes) - SHOWN_CHANGES) if deploy else 0,
        "error": job.error,
        "seconds": 0.0,
        "steps": [],
        "undo": [],
        "output": "",
        "ahead": 0,
    }
    if job.ended_at is not None and job.started_at is not None:
        began = (deploy.started_at if deploy else None) or job.started_at
        told["seconds"] = round((job.ended_at - began).total_seconds(), 1)
    if run is not None:
        seen = describe_run(run, job)
        told |= {key: seen[key] for key in ("steps", "undo", "output")}
        told["error"] = job.error or seen["error"]
    return told


def show_deploy(job: Job, *, deploy: Deploy | None = None, run: Run | None = None, ahead: int = 0) -> None:
    """Bring the card up to date in the chat that asked. Safe to repeat."""
    if job.session_id is not None:
        data = describe_deploy(job, deploy=deploy, run=run) | {"ahead": ahead}
        with transaction.atomic():
            put_card(f"deploy:{job.key}", session_id=job.session_id, kind="deploy", data=data, silent=True)


def show_end(job: Job, *, deploy: Deploy | None, run: Run | None) -> None:
    """Bring the card to its last state, and say in a new message how it ended: who asked, and who gets the news."""
    show_deploy(job, deploy=deploy, run=run)
    data = describe_deploy(job, deploy=deploy, run=run)
    short = {key: value for key, value in data.items() if key not in ("steps", "undo", "output")}
    short["failed"] = next((step["title"] for step in data["steps"] if step["state"] == "failed"), "")
    for session_id in _places(job, deploy, run):
        put_card(f"deploy:{job.key}:end:{session_id}", session_id=session_id, kind="deploy-end", data=short)


def _places(job: Job, deploy: Deploy | None, run: Run | None) -> list[int]:
    """Return the chats that hear of it; of one that never began, only who asked does."""
    if deploy is not None and run is not None:
        return sessions_of(deploy.project, job.session_id)
    return [job.session_id] if job.session_id is not None else []
