"""Running jobs inside a test: the way a worker does it, without the worker."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from django.db import connections

from runbooks import jobs
from runbooks.jobs import JobContext, JobKind, kinds
from runbooks.models import Job
from runbooks.runner import perform
from tests.runbooks.people import BOB


class AnyParams(msgspec.Struct):
    """Takes a value of any sort."""

    value: Any = None


@contextmanager
def kind(run: Callable[[JobContext], Any], **options: Any) -> Iterator[str]:
    """Register a kind for the time of a test and give its name."""
    given: dict[str, Any] = {"name": "test", "description": "For a test.", "params": AnyParams} | options
    made = JobKind(run=run, **given)
    jobs.register_kind(made)
    try:
        yield made.name
    finally:
        kinds._kinds.pop(made.name)


def start(name: str = "test", **params: Any) -> Job:
    """Create and start a job of Bob's."""
    return jobs.create_job(name, params=params, actor=BOB, start=True)


def run(job: Job) -> Job:
    """Run a queued job to its end or next pause and return it as it is then."""
    assert perform(job.pk)
    return Job.objects.get(pk=job.pk)


def story(job: Job) -> list[tuple[str, Any]]:
    """Return what happened: kind and data of each event."""
    events = jobs.read_events(job)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    return [(event.kind, event.data) for event in events]


def perform_beside(job_id: int) -> bool:
    """Run a job in a thread that is not kept, and leave no connection there."""
    try:
        return perform(job_id)
    finally:
        connections.close_all()


def perform_together(job_ids: Iterable[int]) -> None:
    """Run jobs side by side in threads, each of which is a process of its own in the rows, as every job's is.

    With one row for all of them the first that ends would free what the others hold.
    """
    threads = [threading.Thread(target=perform_beside, args=[pk]) for pk in job_ids]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "getpid", threading.get_native_id)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
