"""Saying in the chat why a command of a project, a pull or a look at its files did not come to its end."""

from __future__ import annotations

from runbooks.models import Job
from sessions_app.cards import put_card

CARD = "change-failed"


def say_error(job: Job) -> None:
    """Show the error of a job that failed. In the transaction that ends it."""
    if job.state != Job.State.SUCCEEDED and job.session_id is not None:
        data = {"failed": str(job.state), "error": job.error}
        put_card(f"{CARD}:{job.key}", session_id=job.session_id, kind=CARD, data=data)
