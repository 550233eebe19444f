"""A deploy whose process is killed in the middle: it goes on, or goes back, and nothing is ever half there."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardrails.processes import has_sandbox
from runbooks.books.running import INTERRUPTED
from runbooks.models import Environment, Job, Project
from runbooks.runner import perform
from runbooks.workspaces.roots import environment_root
from sessions_app.models import Card, Session
from tests.runbooks.killing import kill_job
from tests.runbooks.people import BOB
from tests.runbooks.workspaces.deploying import change, deploy, go, manifest, page, shop, start, states
from tests.sessions_app.people import make_people

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.faults,
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),
    pytest.mark.skipif(not has_sandbox(), reason="needs bubblewrap"),
]


def test_a_build_that_is_killed_begins_again_and_shows_nothing_before_it_is_whole() -> None:
    wait = {"argv": ["sh", "-c", "echo half > built; test -e again || sleep 60"], "seconds": 90}
    made = shop(build=wait)
    making = environment_root(made, "staging") / "making"
    job = kill_job(start(made).pk, when=lambda: any(making.glob("*/built")))

    assert not (environment_root(made, "staging") / "releases").exists()
    assert (job.state, page(made)) == ("queued", "")


def test_a_deploy_command_that_is_killed_is_not_run_again_and_the_old_release_is_back(tmp_path: Path) -> None:
    make_people()
    session = Session.objects.latest("pk")
    made = shop(environments={"staging": {"deploy": {"argv": ["sh", "deploy.sh"]}}})
    change(made, {"deploy.sh": "true\n"})
    deploy(made)
    first = page(made)
    script = "test $(cat index.html) = one || { echo $CLAW_COMMIT > began; sleep 60; }\n"
    sha = change(made, {"deploy.sh": script, "index.html": "two\n"})
    mark = environment_root(made, "staging") / "releases" / sha / "began"
    job = kill_job(start(made, actor=BOB, session_id=session.pk).pk, when=mark.exists)
    assert page(made) == "two"

    job = go(job)
    assert (job.state, job.error) == ("failed", f"Deploy command: {INTERRUPTED}")
    assert (page(made), states(made)) == (first, ["live", "rolled_back"])
    card = Card.objects.get(key=f"deploy:{job.key}").data
    assert (card["state"], card["outcome"]) == ("failed", "rolled_back")


def test_what_is_cancelled_after_the_switch_goes_back_by_itself() -> None:
    made = shop()
    deploy(made)
    script = "test $(cat index.html) = one || sleep 60\n"
    told = manifest(environments={"staging": {"restart": {"argv": ["sh", "restart.sh"], "seconds": 90}}})
    change(made, {"claw.yaml": told, "restart.sh": script, "index.html": "two\n"})
    job = start(made)
    kill_job(job.pk, when=lambda: page(made) == "two")
    Job.objects.filter(pk=job.pk).update(cancel_requested=True)
    perform(job.pk)

    assert Job.objects.get(pk=job.pk).state == "cancelled"
    back = Job.objects.latest("pk")
    assert (back.owner, back.params["kind"], go(back).error) == ("system", "rollback", "")
    assert (page(made), states(made)[:2]) == ("one", ["replaced", "cancelled"])
    assert Environment.objects.count() == 1


def stop_in_restart(made: Project, job: Job) -> Job:
    """Kill a deploy after its switch and cancel it, so that nothing of it is undone; return our job that follows."""
    kill_job(job.pk, when=(environment_root(made, "staging") / "current" / "began").exists)
    Job.objects.filter(pk=job.pk).update(cancel_requested=True)
    perform(job.pk)
    assert Job.objects.get(pk=job.pk).state == "cancelled"
    return Job.objects.exclude(pk=job.pk).latest("pk")


RESTARTS = {"staging": {"restart": {"argv": ["sh", "restart.sh"], "seconds": 90}}}


def test_of_a_first_deploy_that_is_cancelled_after_the_switch_nothing_is_left() -> None:
    made = shop(environments=RESTARTS)
    change(made, {"restart.sh": "touch began; sleep 60\n"})
    follows = stop_in_restart(made, start(made))
    assert (follows.kind, page(made)) == ("deploy_clear", "one")
    assert go(follows).result == {"cleared": True}
    assert (page(made), states(made)) == ("", ["cancelled"])

    change(made, {"restart.sh": "true\n", "index.html": "two\n"})
    assert deploy(made).state == "succeeded"
    Job.objects.filter(pk=follows.pk).update(state="queued", ended_at=None)
    assert go(follows).result == {"cleared": False}
    assert page(made) == "two"


def test_a_rollback_that_is_cancelled_after_the_switch_is_taken_back() -> None:
    made = shop(environments=RESTARTS)
    change(made, {"restart.sh": "true\n"})
    deploy(made)
    change(made, {"restart.sh": "true\n", "index.html": "two\n"})
    deploy(made)
    old = environment_root(made, "staging") / "releases"
    for release in old.iterdir():
        if (release / "index.html").read_text() == "one\n":
            (release / "restart.sh").write_text("touch began; sleep 60\n")
    follows = stop_in_restart(made, start(made, kind="rollback"))
    assert (follows.owner, follows.params["kind"], page(made)) == ("system", "rollback", "one")
    assert go(follows).state == "succeeded"
    assert page(made) == "two"
