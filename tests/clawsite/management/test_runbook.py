"""`manage.py runbook`: lists, runs, and brings runbooks in and out as YAML."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from clawsite.management.commands import runbook
from runbooks.jobs import read_events
from runbooks.models import Job, JobEvent, Run, Runbook
from tests.clawsite.management.running import run
from tests.clawsite.running import until
from tests.runbooks.books.making import ECHO, saved
from tests.runbooks.running import perform_beside

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_ready_made_ones_come_in_and_go_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "import --ready" in run(monkeypatch, "runbook", "list").text
    assert "restart-api: right, 4 steps" in run(monkeypatch, "runbook", "import", "--ready", "--check").text
    assert not Runbook.objects.exists()
    assert "restart-api: version 1" in run(monkeypatch, "runbook", "import", "--ready").text
    assert "Restart the API" in run(monkeypatch, "runbook", "list").text

    run(monkeypatch, "runbook", "export", "--to", str(tmp_path))
    assert len(list(tmp_path.glob("*.yaml"))) == 6
    again = run(monkeypatch, "runbook", "import", str(tmp_path)).text
    assert "version 2" not in again
    assert run(monkeypatch, "runbook", "export", "log-tail").text.startswith("name: log-tail\n")


def test_one_mistake_and_nothing_comes_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: a\ntitle: A\nsteps: [{title: S, kind: wait, with: {seconds: 1}}]\n")
    (tmp_path / "b.yaml").write_text("name: b\ntitle: B\nsteps:\n  - title: S\n    kind: wait\n    with: {}\n")
    done = run(monkeypatch, "runbook", "import", str(tmp_path))
    assert not Runbook.objects.exists()
    assert "b.yaml, line 6: step 1 (S): with: give one of seconds" in done.error
    (tmp_path / "b.yaml").write_text("name: b\n  title: [")
    assert run(monkeypatch, "runbook", "import", str(tmp_path)).error.startswith("b.yaml, line 2")
    none = str(tmp_path / "none.yaml")
    assert run(monkeypatch, "runbook", "import", none).error == f"{none} cannot be read: No such file or directory."
    assert "Name YAML files" in run(monkeypatch, "runbook", "import").error


def test_a_run_is_followed_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    argv = ["printf", "\x1b[31mred\n"]
    saved(ECHO | {"host": ["echo"]}, ECHO | {"title": "Print", "host": ["printf"], "with": {"argv": argv}})

    def work() -> None:
        perform_beside(until(Run.objects.first, seconds=60, what="a run").job_id)

    worker = threading.Thread(target=work)
    worker.start()
    said = run(monkeypatch, "runbook", "run", "try")
    worker.join(10)
    lines = said.text.splitlines()
    assert lines[0].startswith("Run ")
    assert lines[1:4] == ["[1/2] Say hello ... started", "hello", lines[3]]
    assert lines[3].startswith("[1/2] Say hello ... ok (")
    assert "?[31mred" in said.text
    assert "Is `manage.py up` running?" not in said.text
    assert "There is no parameter" in run(monkeypatch, "runbook", "run", "try", "a=b").error
    assert "NAME=VALUE" in run(monkeypatch, "runbook", "run", "try", "ab").error


def test_who_waits_while_nothing_works_is_told_why(monkeypatch: pytest.MonkeyPatch) -> None:
    saved(ECHO | {"host": ["echo"]})
    looks: list[int] = []

    def look(job: Job, after: int) -> list[JobEvent]:
        looks.append(after)
        if len(looks) == 2:
            perform_beside(job.pk)
            job.refresh_from_db()
        return read_events(job, after)

    monkeypatch.setattr(runbook, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(runbook, "read_events", look)
    lines = run(monkeypatch, "runbook", "run", "try").text.splitlines()
    assert [line for line in lines if "manage.py up" in line] == [
        "It waits for a worker. Is `manage.py up` running? Ctrl-C ends looking, not the run."
    ]
    assert "hello" in lines


def test_who_stops_looking_is_told_that_the_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    saved(ECHO | {"host": ["echo"]})

    def stop(job: Job, after: int) -> list[JobEvent]:
        raise KeyboardInterrupt

    monkeypatch.setattr(runbook, "read_events", stop)
    said = run(monkeypatch, "runbook", "run", "try")
    key = Job.objects.get().key[:12]
    assert (
        said.error == f"The run goes on. To see it: manage.py jobs show {key}. To stop it: manage.py jobs cancel {key}"
    )


def test_a_folder_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run(monkeypatch, "runbook", "import", "--ready")
    (tmp_path / "file").touch()
    said = run(monkeypatch, "runbook", "export", "--to", str(tmp_path / "file" / "below"))
    assert said.error.startswith(f"{tmp_path / 'file'}")
    assert "cannot be used: Not a directory" in said.error
