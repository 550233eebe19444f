"""Decisions at the same moment: whoever sees the last of them has the job go on."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest
from django.db import connections

from bots.code import asking
from clawsite.core.db import with_retry
from guardrails.approvals import decide
from guardrails.models import Approval
from runbooks.books.asking import show_request
from runbooks.models import Job
from tests.bots.code.making import World
from tests.runbooks.running import start

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_two_decisions_at_once_one_has_the_job_go_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = start("selftest")
    Job.objects.filter(pk=job.pk).update(state="waiting_approval")
    keys = [asking.ask(job, world.project, digest=name, summary=name).key for name in ("one", "two")]
    both = threading.Barrier(2)

    def meet(approval: Approval, *, session_id: int | None) -> None:
        show_request(approval, session_id=session_id)
        with suppress(threading.BrokenBarrierError):
            both.wait(1.0)  # where two can be at it at once, both are in the middle

    def work(key: str) -> None:
        try:
            with_retry(lambda: decide(key, actor=world.people.bob.actor, approve=True))
        finally:
            connections.close_all()

    monkeypatch.setattr("bots.code.asking.show_request", meet)
    threads = [threading.Thread(target=work, args=[key]) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert set(Approval.objects.values_list("state", flat=True)) == {"approved"}
    assert Job.objects.get(pk=job.pk).state == "queued"
