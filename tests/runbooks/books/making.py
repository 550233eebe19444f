"""Runbooks for tests: written in a few words, saved by Alice, run the way a worker does it."""

from __future__ import annotations

from typing import Any

from runbooks.books import save_book, start_run
from runbooks.books.spec import Book, convert_book
from runbooks.models import Job, Run, Runbook
from runbooks.runner import perform
from tests.runbooks.people import ALICE, BOB

ECHO = {"title": "Say hello", "kind": "command", "with": {"argv": ["echo", "hello"]}}


def step(kind: str, title: str = "A step", **values: Any) -> dict[str, Any]:
    """Return a step as JSON; what is no field of a step is a parameter of its kind."""
    own = {"timeout", "retries", "pause", "repeatable", "host", "on_failure", "rollback"}
    fields = {key: value for key, value in values.items() if key in own}
    return {"title": title, "kind": kind, **fields, "with": {k: v for k, v in values.items() if k not in own}}


def touch(name: str, folder: str, **values: Any) -> dict[str, Any]:
    """Return a step that leaves one more line in a file outside of any sandbox, so that tests see what happened."""
    argv = ["tee", "-a", f"{folder}/{name}"]
    return step("command", f"Touch {name}", argv=argv, input="x\n", host=["tee"], **values)


def book(*steps: dict[str, Any], name: str = "try", **values: Any) -> Book:
    """Return a runbook."""
    return convert_book({"name": name, "title": f"The runbook {name}", "steps": list(steps), **values})


def saved(*steps: dict[str, Any], **values: Any) -> Runbook:
    """Save a runbook of Alice's."""
    return save_book(book(*steps, **values), actor=ALICE)


def start(name: str = "try", **options: Any) -> Run:
    """Start it as Bob, with these parameters."""
    params = options.pop("params", {})
    return start_run(name, params, **({"actor": BOB} | options))


def go(run: Run) -> Job:
    """Run its job until it ends or pauses, and return it."""
    assert perform(run.job_id)
    return Job.objects.get(pk=run.job_id)


def done(*steps: dict[str, Any], **values: Any) -> Job:
    """Save, start and run a runbook."""
    saved(*steps, **values)
    return go(start())


def states(job: Job, part: str = "do") -> list[str]:
    """Return what became of each step."""
    return [row["state"] for row in job.saved["progress"][part]]


def output(job: Job) -> str:
    """Return all that the steps said."""
    return "".join(event.data["text"] for event in job.events.filter(kind="output").order_by("seq"))
