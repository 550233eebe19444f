"""A run that was cancelled: what it had done is undone by another run where the runbook says so, or by a button."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from clawsite.core.errors import BadInput, NotAllowed
from runbooks import jobs
from runbooks.books import roll_back, save_book
from runbooks.jobs.endings import tell_end
from runbooks.models import Job, Run
from sessions_app.models import Card
from tests.runbooks.books.making import book, go, saved, start, states, step, touch
from tests.runbooks.people import ALICE, BOB, CHARLIE
from tests.sessions_app.people import make_people

pytestmark = pytest.mark.django_db(transaction=True)


def cancelled(folder: Path, **options: Any) -> Run:
    """Return a run that was cancelled after two of its four steps, while it waited in the third one."""
    place = str(folder)
    saved(
        touch("a", place, rollback=touch("undo-a", place)),
        touch("b", place, rollback=touch("undo-b", place, **options.pop("second", {}))),
        step("wait", seconds=600),
        touch("d", place, rollback=touch("undo-d", place)),
        **options,
    )
    run = start(session_id=make_people().bobs.pk)
    go(run)
    jobs.cancel_job(run.job.key, actor=ALICE)
    return Run.objects.select_related("job").get(pk=run.pk)


def there(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_runbook_that_says_so_undoes_what_was_done(tmp_path: Path) -> None:
    run = cancelled(tmp_path, rollback_on_cancel=True)
    undoing = Run.objects.get(undoes=run)
    assert (run.job.state, run.open, undoing.open, undoing.target) == ("cancelled", False, True, run.target)
    assert Card.objects.get(key=run.ref).data["undone_by"] == undoing.pk
    assert [each["title"] for each in undoing.plan] == ["Touch undo-b", "Touch undo-a"]
    job = go(undoing)
    assert (job.state, states(job), there(tmp_path)) == ("succeeded", ["ok", "ok"], {"a", "b", "undo-a", "undo-b"})
    assert not Run.objects.filter(open=True).exists()

    with transaction.atomic():
        tell_end(run.job)  # safe to repeat
    with pytest.raises(BadInput, match="rolled back already"):
        roll_back(run, actor=ALICE)
    assert Run.objects.count() == 2


def test_without_it_nothing_is_undone_until_somebody_asks(tmp_path: Path) -> None:
    run = cancelled(tmp_path)
    data = Card.objects.get(key=run.ref).data
    assert (data["undone_by"], data["undo_left"], there(tmp_path)) == (None, 2, {"a", "b"})
    with pytest.raises(NotAllowed):
        roll_back(run, actor=CHARLIE)
    undoing = roll_back(run, actor=BOB)
    assert Card.objects.get(key=run.ref).data["undone_by"] == undoing.pk
    assert go(undoing).state == "succeeded"
    assert there(tmp_path) == {"a", "b", "undo-a", "undo-b"}


def test_what_cannot_be_undone_keeps_nothing_else_back(tmp_path: Path) -> None:
    run = cancelled(tmp_path, rollback_on_cancel=True, second={"timeout": 5})
    undoing = Run.objects.get(undoes=run)
    (tmp_path / "undo-b").mkdir()  # nothing can be written there
    assert states(go(undoing)) == ["failed", "ok"]


def test_what_succeeded_or_did_nothing_is_not_rolled_back(tmp_path: Path) -> None:
    saved(touch("a", str(tmp_path), rollback=touch("undo-a", str(tmp_path))), rollback_on_cancel=True)
    done, waiting = start(), None
    assert go(done).state == "succeeded"
    with pytest.raises(BadInput, match="nothing to roll back"):
        roll_back(Run.objects.get(pk=done.pk), actor=ALICE)
    waiting = start()
    with pytest.raises(BadInput, match="still goes on"):
        roll_back(waiting, actor=ALICE)
    jobs.cancel_job(waiting.job.key, actor=ALICE)
    assert Job.objects.get(pk=waiting.job_id).state == "cancelled"
    assert not Run.objects.filter(undoes__isnull=False).exists()


def test_only_an_admin_has_what_runs_on_the_host_undone_on_cancel(tmp_path: Path) -> None:
    steps = [touch("a", str(tmp_path), rollback=touch("undo-a", str(tmp_path)))]
    saved(*steps)
    with pytest.raises(NotAllowed, match="Only an admin"):
        save_book(book(*steps, rollback_on_cancel=True), actor=BOB)
    save_book(book(*steps, rollback_on_cancel=True), actor=ALICE)
