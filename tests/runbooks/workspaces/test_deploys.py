"""Deploys: gates in their order, releases that are whole or not there, health, and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bots.cards.deploy import render_end
from bots.cards.registry import CardView
from clawsite.core.errors import NotAllowed
from clawsite.core.models import AuditEvent
from guardrails.approvals import decide
from guardrails.models import Approval
from guardrails.processes import Completed, has_sandbox
from runbooks import jobs
from runbooks.books.steps import StepFailed
from runbooks.models import Deploy, Environment, Job, Project, ProjectMember, Run
from runbooks.workspaces import deploys, git
from runbooks.workspaces.deploys.programs import check_done
from runbooks.workspaces.deploys.releases import prune, release_path, switch
from runbooks.workspaces.deploys.showing import describe_deploy
from runbooks.workspaces.deploys.starting import start_way_back
from runbooks.workspaces.roots import environment_root, tree_of
from tests.runbooks.people import ALICE, BOB, CHARLIE, VIEWER
from tests.runbooks.workspaces.deploying import back, change, deploy, go, manifest, page, served, shop, start, states
from tests.runbooks.workspaces.making import write

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not has_sandbox(), reason="needs bubblewrap"),
]
VIEW = CardView(zone=ZoneInfo("UTC"))


@pytest.fixture
def server(home: Path) -> Iterator[str]:
    """Serve over loopback what is current in the environments; give the address."""
    with served(home / "workspaces") as url:
        yield url


def test_a_project_without_a_deploy_command_deploys() -> None:
    made = shop()
    job = deploy(made)

    assert (job.state, job.error, page(made)) == ("succeeded", "", "one")
    row = Deploy.objects.get()
    assert (row.state, row.previous, row.requested_by) == ("live", None, BOB.subject)
    assert row.seconds is not None
    assert not Run.objects.get().open
    written = AuditEvent.objects.filter(action__startswith="deploy.").order_by("pk")
    assert [each.action for each in written] == ["deploy.start", "deploy.end"]


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("echo 'FAILED tests/test_a.py::test_b - assert 1 == 2'; exit 1", "FAILED tests/test_a.py::test_b"),
        ("echo 'no tests ran in 0.01s'", "There are no tests"),
        ("echo 'Ran 0 tests in 0.000s'", "There are no tests"),
        ("printf '?   \\tshop/a\\t[no test files]\\nok  \\tshop/b\\t0.01s [no tests to run]\\n'", "There are no tests"),
        ("printf '?   \\tshop/a\\t[no test files]\\nFAIL\\tshop/b\\t0.01s\\n'; exit 1", "FAIL\tshop/b"),
    ],
)
def test_failing_tests_and_none_at_all_stop_it(check: str, said: str) -> None:
    made = shop(check=check)
    job = deploy(made)

    assert job.state == "failed"
    assert said in job.error
    assert (page(made), states(made)) == ("", ["failed"])


def test_a_part_without_tests_beside_one_that_has_some_stops_nothing() -> None:
    made = shop(check="printf '?   \\tshop/a\\t[no test files]\\nok  \\tshop/b\\t0.01s\\n'")
    job = deploy(made)
    assert (job.state, job.error, page(made)) == ("succeeded", "", "one")


def test_without_a_command_for_tests_nothing_is_deployed() -> None:
    made = shop(test=None)
    job = deploy(made)

    assert (job.state, page(made)) == ("failed", "")
    assert "There are no tests" in job.error
    assert AuditEvent.objects.filter(action="deploy.refused", subject=made.ref).count() == 1


def test_tests_that_passed_on_a_commit_are_not_run_again() -> None:
    made = shop(environments={"staging": {}, "production": {"after": ["staging"]}})
    deploy(made)
    job = deploy(made, "production")

    assert job.state == "succeeded"
    assert job.saved["progress"]["do"][0]["note"] == "passed on this commit before"


def test_the_gates_say_why() -> None:
    made = shop(environments={"staging": {}, "production": {"after": ["staging"]}})
    assert "There is no environment 'nowhere'. There are: staging, production." in deploy(made, "nowhere").error
    assert "was not live in staging before" in deploy(made, "production").error

    write(tree_of(made), {"new.txt": "x"})
    assert deploy(made).error == "There are changes that are not committed."
    change(made, {"new.txt": "y"})

    moved = git.run_git(made, "commit-tree", "-m", "Back", "-p", "HEAD", "HEAD~1^{tree}").stdout.decode().strip()
    git.run_git(made, "update-ref", "refs/heads/main", moved)  # by a process that dies before it shows the files
    Environment.objects.filter(name="staging").update(frozen=True)
    assert "is frozen" in deploy(made).error
    Environment.objects.update(frozen=False)

    ProjectMember.objects.create(project=made, subject=ALICE.subject, role="developer")
    place = deploys.get_environment(made, "staging")
    deploys.lock_environment(place, "a demo", actor=ALICE)
    assert "staging is locked by Alice since" in deploy(made).error
    assert deploys.unlock_environment(place, actor=BOB)  # a maintainer
    assert not deploys.unlock_environment(place, actor=BOB)
    assert (deploy(made).state, page(made)) == ("succeeded", "one")


def test_a_project_that_was_put_aside_is_not_deployed() -> None:
    made = shop()
    waiting = start(made)
    Project.objects.update(archived=True)
    assert go(waiting).error == "shop is archived."
    for kind in ("deploy", "rollback"):
        with pytest.raises(NotAllowed, match="is archived"):
            start(made, kind=kind)


def test_only_developers_and_operators_deploy() -> None:
    made = shop()
    ProjectMember.objects.create(project=made, subject=VIEWER.subject, role="maintainer")
    for actor in (ALICE, CHARLIE, VIEWER):
        with pytest.raises(Exception, match=r"There is no project|Only operators"):
            start(made, actor=actor)
    assert not Job.objects.exists()


def test_a_release_that_is_not_well_goes_back_by_itself(server: str) -> None:
    health = {"url": f"{server}/user-2/shop/environments/staging/current/health.txt", "seconds": 3}
    made = shop(environments={"staging": {"health": health}})
    first = change(made, {"health.txt": "ok\n"})
    deploy(made)  # makes the environment known; nobody granted the private address yet
    assert states(made) == ["rolled_back"]
    assert page(made) == ""

    Environment.objects.update(url=server)
    assert (deploy(made).error, page(made)) == ("", "one")
    (tree_of(made) / "health.txt").unlink()
    change(made, {"index.html": "two\n"})
    job = deploy(made)

    assert job.state == "failed"
    assert "Health check: It is not healthy: status 404" in job.error
    assert (page(made), states(made)) == ("one", ["rolled_back", "live", "rolled_back"])
    assert Deploy.objects.get(state="live").commit == first


def test_rolling_back_walks_to_earlier_releases() -> None:
    made = shop()
    for text in ("one", "two", "three"):
        change(made, {"index.html": f"{text}\n", "n": text})
        assert is_offered(deploy(made)) == (text != "one")

    for text in ("two", "one"):
        job = back(made)
        assert (job.state, page(made), is_offered(job)) == ("succeeded", text, text != "one")
    assert "nothing to go back to" in back(made).error
    assert states(made) == ["replaced", "replaced", "withdrawn", "withdrawn", "live"]


def is_offered(job: Job) -> bool:
    """Tell whether the message of a deploy that has ended offers to roll back."""
    told = describe_deploy(job, deploy=Deploy.objects.get(job=job), run=None)
    return any("Roll back" in button.label for row in render_end(told, VIEW).buttons for button in row)


def test_a_commit_to_go_back_to_is_named_so_that_it_is_no_other() -> None:
    made = shop()
    deploy(made)
    one = Deploy.objects.get()
    Deploy.objects.create(
        project=made, environment=one.environment, commit=f"{one.commit[:6]}{'0' * 34}", state="replaced",
        requested_by=BOB.subject,
    )  # fmt: skip

    assert "at least 4 of its characters" in back(made, ref=one.commit[:3]).error
    assert "Several commits begin with" in back(made, ref=one.commit[:6]).error
    assert back(made, ref=one.commit[:12]).error == ""


def test_a_build_that_failed_leaves_nothing(home: Path) -> None:
    made = shop(build={"argv": ["sh", "build.sh"]})
    for number in range(2):
        change(made, {"build.sh": f"exit {number + 1}\n"})
        deploy(made)
    making = environment_root(made, "staging") / "making"
    assert len(list(making.iterdir())) == 1
    change(made, {"build.sh": "exit 0\n"})
    assert deploy(made).error == ""
    assert list(making.iterdir()) == []


@pytest.mark.parametrize("code", [-9, 0])
def test_a_program_that_used_too_much_did_not_succeed_whatever_its_code(code: int) -> None:
    """The kernel may have refused it a process that it could do without."""
    done = Completed(argv=("make",), code=code, stdout=b"", stderr=b"", seconds=1.0, excess="tasks")
    with pytest.raises(StepFailed, match=r"^make used too much and was ended: tasks\.$"):
        check_done(done)


def test_no_half_of_a_secret_is_told() -> None:
    made = shop(check=f"echo 'FAILED gh''p_{'a1B2' * 9} {'x' * 220}'; exit 1\n")
    job = deploy(made)

    assert "x" * 200 in job.error
    assert "a1B2a1B2" not in job.error


def test_what_was_rolled_back_does_not_count_as_having_been_live() -> None:
    made = shop(environments={"staging": {}, "production": {"after": ["staging"]}})
    deploy(made)
    change(made, {"index.html": "two\n"})
    deploy(made)
    back(made)

    assert "was not live in staging" in deploy(made, "production").error


def test_of_old_releases_nothing_is_left(home: Path) -> None:
    made = shop()
    sha = change(made, {"n": "1"})
    for commit in (sha, git.head(made, None), "a" * 40, "b" * 40):
        release_path(made, "staging", commit).mkdir(parents=True, exist_ok=True)
    switch(made, "staging", "a" * 40)

    assert prune(made, "staging", keep={sha}) == 1
    root = environment_root(made, "staging")
    assert {each.name for each in (root / "releases").iterdir()} == {sha, "a" * 40}
    assert not list((root / "gone").iterdir())


def test_commands_get_the_release_and_a_failure_brings_the_old_one_back() -> None:
    script = 'echo "$CLAW_ENVIRONMENT $CLAW_COMMIT"; test -d "$CLAW_RELEASE"; exit $(cat code)\n'
    made = shop(environments={"staging": {"deploy": {"argv": ["sh", "deploy.sh"]}}})
    change(made, {"deploy.sh": script, "code": "0\n"})
    assert deploy(made).error == ""
    change(made, {"code": "3\n", "index.html": "two\n"})
    job = deploy(made)

    assert job.error == "Deploy command: sh ended with the code 3: staging " + Deploy.objects.latest("pk").commit
    assert (states(made), page(made)) == (["live", "rolled_back"], "one")


def test_production_waits_for_another_maintainer() -> None:
    made = shop(environments={"production": {"approval": True}})
    ProjectMember.objects.create(project=made, subject=ALICE.subject, name="Alice", role="maintainer")
    job = deploy(made, "production")
    request = Approval.objects.get()

    assert job.state == "waiting_approval"
    assert decide(request.key, actor=BOB, approve=True).outcome == "not_allowed"
    assert decide(request.key, actor=ALICE, approve=True).outcome == "approved"
    assert (go(job).error, page(made, "production")) == ("", "one")
    assert Deploy.objects.get().approved_by == ALICE.subject


def test_the_only_maintainer_approves_and_what_changed_meanwhile_counts() -> None:
    made = shop(environments={"production": {"approval": True}})
    job = deploy(made, "production")
    changed = manifest(environments={"production": {"approval": True, "restart": {"argv": ["true"]}}})
    change(made, {"claw.yaml": changed})
    assert decide(Approval.objects.get().key, actor=BOB, approve=True).outcome == "approved"

    assert "claw.yaml says something else of production by now" in go(job).error
    assert page(made, "production") == ""


def test_one_at_a_time_and_the_next_is_woken() -> None:
    made = shop(environments={"production": {"approval": True}})
    first, second = start(made, "production"), start(made, "production")
    go(first)
    waiting = go(second)
    assert waiting.state == "queued"

    jobs.cancel_job(first.key, actor=BOB)
    assert states(made) == ["cancelled", "waiting"]
    assert go(Job.objects.get(pk=second.pk)).state == "waiting_approval"
    assert Run.objects.filter(open=True).count() == 1


def test_a_broken_manifest_keeps_nobody_from_going_back() -> None:
    made = shop()
    deploy(made)
    change(made, {"index.html": "two\n"})
    deploy(made)
    change(made, {"claw.yaml": "name: [\n"})

    assert deploy(made).error.startswith("claw.yaml")
    assert (back(made).error, page(made)) == ("", "one")
    assert "There is no environment" not in back(made).error


def test_our_way_back_comes_before_whoever_waits() -> None:
    made = shop()
    deploy(made)
    asking = manifest(environments={"staging": {"approval": True}})
    change(made, {"index.html": "two\n", "claw.yaml": asking})
    half, waiting = deploy(made), deploy(made)
    row = Deploy.objects.get(job=half)
    jobs.cancel_job(half.key, actor=BOB)
    way = start_way_back(row)
    assert way is not None
    assert start_way_back(row) == way

    assert go(waiting).state == "queued"
    assert (go(way).error, page(made)) == ("", "one")
    assert go(waiting).state == "waiting_approval"


def test_what_is_new_is_shown_without_characters_that_turn_it_round() -> None:
    made = shop()
    deploy(made)
    change(made, {"n": "1"}, "Fix \u202egnp.exe")
    deploy(made)

    (line,) = Deploy.objects.latest("pk").changes
    assert line.endswith("Fix \ufffdgnp.exe")
