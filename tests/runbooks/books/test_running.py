"""Running runbooks: steps in order, tries, rollbacks, output, and what a failure says."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from clawsite.core.errors import BadInput, NotAllowed
from clawsite.core.models import AuditEvent
from guardrails.processes import has_sandbox
from runbooks import jobs
from runbooks.books import save_book
from runbooks.books.ending import settle_runs
from runbooks.models import AlertGroup, Job, MonitoredSystem, Run, Schedule
from runbooks.runner import perform
from runbooks.schedules import save_schedule, tick
from sessions_app.models import Card
from tests.runbooks.books.making import ECHO, book, done, go, output, saved, start, states, step, touch
from tests.runbooks.people import ALICE, BOB, CHARLIE, VIEWER
from tests.sessions_app.people import make_people

pytestmark = pytest.mark.django_db(transaction=True)


def lines(path: Path) -> int:
    """Return how often something was done."""
    return len(path.read_text(encoding="ascii").splitlines()) if path.exists() else 0


@pytest.mark.skipif(not has_sandbox(), reason="needs bubblewrap")
def test_steps_are_done_in_order_and_tell_what_they_say() -> None:
    job = done(ECHO, step("command", "List", argv=["ls", "/home"]), step("message", text="Done"))

    assert (job.state, states(job)) == ("failed", ["ok", "failed", ""])  # the sandbox shows no homes
    assert job.error.startswith("List: It ended with the code 2: ")
    assert output(job).startswith("hello\n")


def test_a_run_frees_its_target_and_is_audited(tmp_path: Path) -> None:
    job = done(touch("a", str(tmp_path)))

    assert (job.state, states(job), lines(tmp_path / "a")) == ("succeeded", ["ok"], 1)
    run = Run.objects.get()
    assert (run.open, run.target, run.requested_by) == (False, "try", BOB.subject)
    written = AuditEvent.objects.filter(action__startswith="runbook.").order_by("pk")
    assert [row.action for row in written] == ["runbook.create", "runbook.run", "runbook.end"]
    assert written[1].data["digest"] == run.digest


def test_a_failure_undoes_what_was_done_the_last_first(tmp_path: Path) -> None:
    folder = str(tmp_path)
    undo = [touch(f"undo-{name}", folder) for name in "abc"]
    job = done(
        touch("a", folder, rollback=undo[0]),
        touch("b", folder, rollback=step("command", "Cannot", argv=["false"], host=["false"])),
        touch("c", folder),
        step("command", "Fail", argv=["false"], host=["false"], rollback=undo[2]),
        touch("d", folder, rollback=undo[1]),
    )

    assert job.state == "failed"
    assert job.error == "Fail: It ended with the code 1."
    assert states(job) == ["ok", "ok", "ok", "failed", ""]
    assert states(job, "undo") == ["ok", "failed", "", "", ""]
    told = [event.data for event in job.events.filter(kind="step").order_by("seq")]
    undone = [data["number"] for data in told if (data["part"], data["state"]) == ("undo", "started")]
    assert undone == [2, 1]
    assert [lines(tmp_path / name) for name in ("undo-a", "undo-b", "undo-c", "d")] == [1, 0, 0, 0]


@pytest.mark.parametrize(("then", "end", "last"), [("continue", "succeeded", "ok"), ("stop", "failed", "")])
def test_a_step_says_what_its_failure_leads_to(tmp_path: Path, then: str, end: str, last: str) -> None:
    folder = str(tmp_path)
    fails = step("command", argv=["false"], host=["false"], on_failure=then)
    job = done(touch("a", folder, rollback=touch("undo", folder)), fails, touch("b", folder))

    assert (job.state, states(job)) == (end, ["ok", "failed", last])
    assert lines(tmp_path / "undo") == 0


def test_only_what_is_repeatable_is_tried_again(tmp_path: Path) -> None:
    argv = ["sh", "-c", f"echo x >> {tmp_path}/tries; test $(wc -l < {tmp_path}/tries) -ge 3"]
    again = step("command", argv=argv, host=["sh"], repeatable=True, retries=3, pause=0)
    job = done(again)

    assert (job.state, lines(tmp_path / "tries")) == ("succeeded", 3)
    with pytest.raises(BadInput, match=r"step 1 \(A step\): retries: what is not repeatable is tried once"):
        saved(again | {"repeatable": None})


def test_a_command_ends_at_its_time_and_its_output_is_bounded() -> None:
    late = done(step("command", argv=["sleep", "60"], host=["sleep"], timeout=0.3))
    assert late.error == "A step: It did not end within 0 seconds and was ended by force."

    much = done(step("command", argv=["head", "-c", "400000", "/dev/zero"], host=["head"], output_kib=16))
    assert much.state == "succeeded"
    assert len(output(much)) <= 16 * 1024 + 10


def test_secrets_do_not_reach_events() -> None:
    token = "ghp_" + "a1B2" * 10
    job = done(step("command", argv=["echo", f"token {token}"], host=["echo"]))

    assert token not in output(job)
    assert "[secret]" in output(job)


def test_secrets_do_not_reach_what_is_said_of_a_failure() -> None:
    token = "ghp_" + "a1B2" * 10
    program = f"echo token {token} >&2; exit 3"
    saved(step("command", argv=["sh", "-c", program], host=["sh"]))
    job = go(start(session_id=make_people().bobs.pk))

    assert "It ended with the code 3: token [secret]" in job.error
    assert token not in f"{job.saved} {[event.data for event in job.events.all()]}"
    for card in Card.objects.all():
        assert token not in f"{card.data['error']}{card.data.get('output')}"


def test_a_run_of_very_many_long_steps_has_a_card_too() -> None:
    long = "\N{CYRILLIC SMALL LETTER ZHE}" * 110
    saved(*[step("message", f"{long}{number}", text=long * 2) for number in range(50)], name="inner")
    nested = step("runbook", "Inner", name="inner")
    saved(nested, nested, parameters=[{"name": f"p{number}", "default": long * 4} for number in range(20)])
    run = start(session_id=make_people().bobs.pk)
    assert go(run).state == "succeeded"
    card = Card.objects.get(key=run.ref)
    assert {row["state"] for row in card.data["steps"]} == {"ok"}
    assert not Run.objects.get().open


def test_a_step_waits_and_a_long_wait_parks() -> None:
    job = done(step("wait", seconds=0.1), step("wait", seconds=3600), ECHO | {"host": ["echo"]})
    assert (job.state, states(job)) == ("queued", ["ok", "waiting", ""])
    assert 3500 < (job.not_before - job.created_at).total_seconds() < 3700

    jobs.cancel_job(job.key, actor=BOB)
    assert not Run.objects.filter(open=True).exists()


def test_one_run_for_a_target_at_a_time() -> None:
    parameters = [{"name": "system", "required": True}]
    saved(ECHO, target="{system}", parameters=parameters)
    first = start(params={"system": "guardian"})
    start(params={"system": "other"})

    with pytest.raises(BadInput, match=rf"The runbook try already runs on guardian, started by Bob \(run {first.pk}\)"):
        start(params={"system": "guardian"}, actor=ALICE)
    assert start(params={"system": "guardian"}, dry_run=True).open is False

    jobs.cancel_job(first.job.key, actor=BOB)
    assert start(params={"system": "guardian"}).open


def test_a_dry_run_shows_exactly_what_would_run(tmp_path: Path) -> None:
    saved(touch("a", str(tmp_path)), step("wait", seconds=5), step("approval", role="admin", no_self=True))
    job = go(start(dry_run=True))

    assert job.state == "succeeded"
    assert job.result is not None
    assert [step["shown"] for step in job.result["plan"]] == [
        f'tee -a {tmp_path}/a <<< "x\\n"',
        "5 s",
        "admin, 1, 15 min, not who started it",
    ]
    assert lines(tmp_path / "a") == 0


def test_nested_runbooks_stand_in_the_plan_and_never_in_a_circle() -> None:
    words = [{"name": "word", "default": "a"}]
    saved(ECHO | {"host": ["echo"], "with": {"argv": ["echo", "{word}"]}}, name="inner", parameters=words)
    saved(step("runbook", "Inner", name="inner", parameters={"word": "{what}"}), ECHO | {"host": ["echo"]},
          parameters=[{"name": "what", "default": "from outside"}])  # fmt: skip
    run = start()
    assert [each["title"] for each in run.plan] == ["Inner: Say hello", "Say hello"]
    assert output(go(run)) == "from outside\nhello\n"

    saved(step("runbook", "Back", name="try", parameters={}), name="inner", parameters=words)
    with pytest.raises(BadInput, match="circle or too deep: try > inner > try"):
        start()


def test_a_step_for_which_too_little_time_is_left_is_done_in_another_stretch(tmp_path: Path) -> None:
    """Nested runbooks may each take three hours, and a stretch of a run is four hours long."""
    folder = str(tmp_path)
    saved(touch("inner", folder, timeout=9000, rollback=touch("undo", folder, timeout=1800)), name="inner")
    saved(step("runbook", "Inner", name="inner"), touch("outer", folder, timeout=9000),
          step("command", "Fail", argv=["false"], host=["false"], timeout=10))  # fmt: skip
    run = start()
    seen = []
    for _ in range(3):
        Job.objects.filter(pk=run.job_id).update(deadline=timezone.now() + timedelta(seconds=900))
        job = go(run)
        seen.append((str(job.state), states(job), states(job, "undo")))

    assert seen == [
        ("queued", ["ok", "", ""], ["", "", ""]),
        ("queued", ["ok", "ok", "failed"], ["", "", ""]),
        ("failed", ["ok", "ok", "failed"], ["ok", "", ""]),
    ]
    assert job.error == "Fail: It ended with the code 1."
    assert [lines(tmp_path / name) for name in ("inner", "outer", "undo")] == [1, 1, 1]


def test_what_runs_is_the_plan_and_not_the_runbook(tmp_path: Path) -> None:
    saved(touch("before", str(tmp_path)))
    run = start()
    saved(touch("after", str(tmp_path)))
    assert go(run).state == "succeeded"
    assert (lines(tmp_path / "before"), lines(tmp_path / "after")) == (1, 0)

    run = start()
    Run.objects.filter(pk=run.pk).update(parameters={"x": "y"})
    job = go(run)
    assert job.error == "The plan of this run was changed after it began, so it is not run."


@pytest.mark.parametrize("actor", [CHARLIE, VIEWER])
def test_who_may_not_run_it_starts_nothing(actor: Any) -> None:
    saved(ECHO)
    with pytest.raises(NotAllowed):
        start(actor=actor)
    assert not Run.objects.exists()


def test_a_runbook_for_admins_is_not_run_by_operators_on_any_way() -> None:
    saved(ECHO | {"host": ["echo"]}, role="admin")
    saved(step("runbook", "Through another", name="try"), name="way")
    for name in ("try", "way"):
        with pytest.raises(NotAllowed, match="Only the role admin"):
            start(name)
    job = jobs.create_job("runbook", params={"name": "try"}, actor=BOB, start=True)
    assert perform(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error) == ("failed", "Only the role admin and those above it may run try.")
    assert go(start(actor=ALICE)).state == "succeeded"


def test_only_admins_have_programs_run_on_the_host() -> None:
    hosted = ECHO | {"host": ["echo"]}
    with pytest.raises(NotAllowed, match="Only an admin may have a step run on the host"):
        save_book(book(hosted), actor=BOB)
    saved(hosted)
    save_book(book(hosted, ECHO), actor=BOB)  # what an admin wrote may stay
    with pytest.raises(NotAllowed):
        save_book(book(hosted | {"with": {"argv": ["echo", "other"]}}), actor=BOB)
    with pytest.raises(BadInput, match="on the host it may run tee, not echo"):
        saved(ECHO | {"host": ["tee"]})
    with pytest.raises(NotAllowed):
        save_book(book(ECHO), actor=CHARLIE)


def test_what_keeps_a_program_on_the_host_in_bounds_is_an_admins_too() -> None:
    hosted = ECHO | {"host": ["echo"], "with": {"argv": ["echo", "{word}"]}}
    agreed = step("approval", no_self=True, role="admin")
    bounds: dict[str, Any] = {"parameters": [{"name": "word", "type": "choice", "choices": ["a"], "required": True}]}
    saved(agreed, hosted, **bounds)
    save_book(book(agreed, ECHO, hosted, title="Another", **bounds), actor=BOB)
    for other in (
        book(hosted, **bounds),
        book(hosted, agreed, **bounds),
        book(agreed | {"with": {}}, hosted, **bounds),
        book(agreed | {"on_failure": "continue"}, hosted, **bounds),
        book(agreed, hosted | {"repeatable": True, "retries": 9}, **bounds),
        book(agreed, hosted, parameters=[{"name": "word", "pattern": ".*", "required": True}]),
        book(agreed, ECHO, ECHO | {"rollback": hosted}, **bounds),
    ):
        with pytest.raises(NotAllowed, match="Only an admin may have a step run on the host"):
            save_book(other, actor=BOB)


def test_an_operator_does_not_make_an_admins_runbook_their_own() -> None:
    mine = step("wait", seconds=0)
    saved(mine, role="admin")
    for other in (book(mine), book(step("wait", seconds=1), role="admin")):
        with pytest.raises(NotAllowed, match="Only an admin may change a runbook that only admins may run"):
            save_book(other, actor=BOB)
    save_book(book(mine, role="admin"), actor=BOB)
    save_book(book(mine), actor=ALICE)


def test_an_alert_gives_its_labels_and_hears_of_the_run() -> None:
    system = MonitoredSystem.objects.create(name="guardian", health_url="http://127.0.0.1:1/health")
    group = AlertGroup.objects.create(key="k", group_key="k", title="Slow", labels={"service": "api"}, system=system)
    declared = [
        {"name": "system", "required": True},
        {"name": "service", "default": "x"},
        {"name": "other", "default": "y"},
    ]
    saved(ECHO | {"host": ["echo"]}, parameters=declared, target="{system}")
    run = start(group_id=group.pk)

    assert run.parameters == {"system": "guardian", "service": "api", "other": "y"}
    assert go(run).state == "succeeded"
    told = group.events.order_by("pk").values_list("kind", "text", "actor")
    assert list(told) == [("run", "The runbook try", "Bob"), ("run_ended", "The runbook try", "Bob")]
    assert start(group_id=group.pk, params={"service": "web"}).parameters["service"] == "web"
    with pytest.raises(BadInput, match="There is no alert 99999"):
        start(group_id=99999)


def test_labels_of_alerts_are_checked_like_all_that_is_given() -> None:
    group = AlertGroup.objects.create(key="k", group_key="k", title="Evil", labels={"word": "--exec=rm"})
    saved(
        ECHO | {"host": ["echo"], "with": {"argv": ["echo", "{word}"]}}, parameters=[{"name": "word", "default": "a"}]
    )
    with pytest.raises(BadInput, match="must not begin with a dash"):
        start(group_id=group.pk)


def test_a_run_whose_end_could_not_be_told_is_settled_later() -> None:
    saved(step("wait", seconds=600))
    run = start()
    job = go(run)
    Job.objects.filter(pk=job.pk).update(state="failed", ended_at=timezone.now(), error="x")

    assert settle_runs() == 1
    assert settle_runs() == 0
    assert not Run.objects.filter(open=True).exists()
    assert start().open


def test_a_run_that_a_schedule_started_says_which() -> None:
    saved(step("wait", seconds=0))
    schedule = Schedule(name="every night", kind="runbook", params={"name": "try"}, cron="0 3 * * *")
    due = save_schedule(schedule, actor=BOB).next_due
    assert due is not None
    tick(due)
    assert perform(Job.objects.get().pk)
    run = Run.objects.get()
    assert (run.job.state, run.requested_by, run.requested_name) == ("succeeded", "system", "every night")
