"""What the dashboard says of services, levels, trouble of our own, alerts, jobs and backups, and in which words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone, translation

from clawsite.core.models import Process
from clawsite.core.services import note_failure
from clawsite.models import Backup, SelfAlert
from clawsite.web.board import figures
from clawsite.web.board.consumer import render
from clawsite.web.board.figures import show
from clawsite.web.report import levels
from runbooks.models import AlertGroup, Job
from sessions_app.models import Channel, Inbox, Session, Turn
from tests.clawsite.web.chat.seat import make_staff

pytestmark = pytest.mark.django_db


def finish_turns(good: int, bad: int) -> None:
    """Let so many messages be answered, and so many not."""
    channel = Channel.objects.create(kind="telegram", name="main")
    session = Session.objects.create(channel=channel, chat_id="1")
    for number in range(good + bad):
        row = Inbox.objects.create(channel=channel, external_id=f"{number}", lane="1", raw="{}", state="done")
        Turn.objects.create(
            inbox=row, session=session, epoch=1, state="done", stages={"agent": 10.0}, finished_at=timezone.now(),
            outcome="unavailable" if number < bad else "answer",
        )  # fmt: skip


def test_an_empty_installation_shows_no_numbers_of_nothing() -> None:
    text = render("en")
    assert "none yet" in text
    assert text.count('data-state="error"') == 1  # that there is no backup
    assert "100.00 %" not in text


def test_trouble_is_told_in_the_language_of_the_reader() -> None:
    SelfAlert.objects.create(check_name="role", subject="bots <b>", severity="critical", data={})
    SelfAlert.objects.create(check_name="role", subject="web", severity="critical", closed_at=timezone.now())
    with translation.override("en"):
        (trouble,) = show()["troubles"]
    assert trouble["title"] == "No process of the role bots <b> is alive."
    assert "No process of the role bots &lt;b&gt; is alive." in render("en")


def test_a_level_that_is_not_held_is_shown_as_such() -> None:
    finish_turns(90, 10)
    held = {level["name"]: (level["value"], level["aim"], level["state"]) for level in show()["levels"]}
    assert held["availability"] == ("90.00", "99.5", "error")
    assert held["errors"] == ("100.00", "99.9", "ok")
    assert "90.00 %" in render("en")


def test_a_service_that_is_left_alone_is_shown() -> None:
    for name in ("a", "main"):
        Channel.objects.create(kind="telegram", name=name)
    note_failure("channel", "main", error="gone <i>")
    (first, second, *_) = show()["services"]
    assert [first["name"], first["state"], second["since"]] == ["main", "blocked", None], "what fails comes first"
    for _ in range(10):
        note_failure("channel", "main", error="gone <i>")
    figures._kept = (0.0, {})
    (service, _) = [each for each in show()["services"] if each["kind"] == "channel"]
    assert (service["breaker"], service["state"]) == ("open", "error")
    assert "left alone" in render("en")


@pytest.mark.parametrize(
    ("hours", "error", "state"), [(1, "", "ok"), (30, "", "blocked"), (1, "The disk is full.", "error")]
)
def test_a_backup_that_is_late_or_failed_is_shown(hours: int, error: str, state: str) -> None:
    began = timezone.now() - timedelta(hours=hours)
    Backup.objects.create(name="one", state="verified", started_at=began, size=3 * 1024 * 1024)
    if error:
        Backup.objects.create(name="two", state="failed", error=error)
    found = show()["backup"]
    assert (found["state"], found["megabytes"], found["failing"]) == (state, 3, error)
    assert "3 MB, verified" in render("en")


def test_reasons_are_told_in_the_language_of_the_reader() -> None:
    Channel.objects.create(kind="telegram", name="main", last_error="The answer is not JSON.")
    Backup.objects.create(name="two", state="failed", error="Another backup is being made on this machine.")
    text = render("pt-br")
    assert "A resposta não é JSON." in text
    assert "Outro backup está sendo feito nesta máquina." in text


def test_alerts_and_failed_jobs_are_listed() -> None:
    AlertGroup.objects.create(key="1", group_key="g", title="API <script>", severity="critical")
    for state, error in (("failed", "No <b>disk</b>."), ("succeeded", "")):
        Job.objects.create(
            kind="backup", requested_by="system", owner="system", state=state, error=error, ended_at=timezone.now()
        )
    text = render("en")
    assert "API &lt;script&gt;" in text
    assert text.count("No &lt;b&gt;disk&lt;/b&gt;.") == 1


def test_levels_are_counted_once_a_minute(django_assert_num_queries: Any) -> None:
    levels.read_levels()
    with django_assert_num_queries(0):
        levels.read_levels()


def test_bob_who_may_change_nothing_may_look_and_charlie_may_not(client: Client) -> None:
    Process.objects.create(role="web", host="h", pid=1, started=1)
    client.force_login(make_staff("bob", admin=False))
    assert "Service levels over seven days" in client.get("/").content.decode()
    assert "Service levels" not in Client().get("/").content.decode()
