"""Logs of environments: the last lines, without secrets and links, and followed in a card until somebody stops it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from clawsite.core.errors import ClawError
from guardrails.processes import has_sandbox
from runbooks import jobs
from runbooks.models import Deploy, Environment, Job, Project
from runbooks.workspaces import deploys
from runbooks.workspaces.deploys import following
from runbooks.workspaces.roots import environment_root, make_directory
from sessions_app.models import Card, Session
from tests.clawsite.running import until
from tests.runbooks.people import BOB, CHARLIE, VIEWER
from tests.runbooks.running import perform_beside
from tests.runbooks.workspaces.deploying import change, deploy, go, manifest, shop
from tests.sessions_app.people import make_people

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not has_sandbox(), reason="needs bubblewrap"),
]
TOKEN = "ghp_" + "a1B2c3D4e5" * 4


def logged(logs: dict[str, Any], text: str = "") -> Project:
    """Return a project whose staging has a log file with this text."""
    made = shop(environments={"staging": {"logs": logs}})
    root = make_directory(environment_root(made, "staging"))
    (root / "app.log").write_text(text, encoding="utf-8")
    return made


def ask(made: Project, **options: Any) -> Job:
    """Ask for the log as Bob, in a chat."""
    make_people()
    return deploys.show_logs(made, "staging", actor=BOB, session_id=Session.objects.latest("pk").pk, **options)


def shown(job: Job) -> dict[str, Any]:
    """Return what the card says."""
    data: dict[str, Any] = Card.objects.get(key=f"logs:{job.key}").data
    return data


def test_the_last_lines_are_shown_without_secrets() -> None:
    made = logged({"file": "app.log"}, "".join(f"line {n}\n" for n in range(50)) + f"token {TOKEN}\n")
    job = go(ask(made, lines=2))

    assert (job.state, shown(job)["text"], shown(job)["following"]) == ("succeeded", "line 49\ntoken [secret]", False)


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("not yours", encoding="ascii")
    made = logged({"file": "app.log"})
    log = environment_root(made, "staging") / "app.log"
    log.unlink()
    log.symlink_to(tmp_path / "secret")
    job = go(ask(made))

    assert job.state == "failed"
    assert shown(job)["error"].startswith("This path does not lead to a plain file")
    assert "not yours" not in str(shown(job))


def test_a_command_prints_the_lines_of_what_is_there() -> None:
    made = shop(environments={"staging": {"logs": {"argv": ["cat", "index.html"]}}})
    deploy(made)

    assert shown(go(ask(made)))["text"] == "one"


def test_what_runs_on_the_host_was_approved_with_what_is_live() -> None:
    made = shop(environments={"staging": {"logs": {"argv": ["echo", "one"]}}})
    deploy(made)
    Environment.objects.update(host=["echo"])
    text = manifest(environments={"staging": {"logs": {"argv": ["echo", "two"]}, "approval": True}})
    change(made, {"claw.yaml": text})
    assert shown(go(ask(made)))["text"] == "one"

    Deploy.objects.update(state="replaced")
    assert go(ask(made)).error == "There is no log of staging yet."
    Environment.objects.update(host=[])
    assert shown(go(ask(made)))["text"] == "two"  # in the sandbox


def test_the_whole_is_a_file(home: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = home / "media"
    made = logged({"file": "app.log"}, "a\nb\n")
    job = go(ask(made, whole=True))

    assert (home / shown(job)["file"]).read_text(encoding="utf-8") == "a\nb\n"


def test_it_is_followed_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "EVERY_SECONDS", 0.1)
    made = logged({"file": "app.log"}, "first\n")
    job = ask(made, follow=True)
    thread = threading.Thread(target=perform_beside, args=[job.pk])
    thread.start()
    card = Card.objects.filter(key=f"logs:{job.key}")
    until(lambda: card.filter(data__text="first").exists(), seconds=60, what="the first lines")
    with (environment_root(made, "staging") / "app.log").open("a", encoding="utf-8") as log:
        log.write("second\n")
    until(lambda: card.filter(data__text="first\nsecond").exists(), seconds=60, what="what came after")
    assert shown(job)["following"]
    jobs.cancel_job(job.key, actor=VIEWER)
    thread.join(30)
    connections.close_all()

    assert Job.objects.get(pk=job.pk).state == "cancelled"
    assert not shown(job)["following"]


def test_a_chat_follows_one_log_at_a_time() -> None:
    made = logged({"file": "app.log"}, "first\n")
    first = ask(made, follow=True)
    session = first.session_id
    assert session is not None
    second = deploys.show_logs(made, "staging", actor=BOB, session_id=session, follow=True)

    assert Job.objects.get(pk=first.pk).state == "cancelled"
    assert Job.objects.get(pk=second.pk).state == "queued"


def test_others_see_no_line() -> None:
    made = logged({"file": "app.log"}, "first\n")
    for actor in (VIEWER, CHARLIE):
        with pytest.raises(ClawError, match="There is no project"):
            deploys.show_logs(made, "staging", actor=actor, session_id=1)
    assert not Environment.objects.exists()
