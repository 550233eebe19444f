"""Asking both forges: what is read, what is done, and what becomes of every way in which they can misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from clawsite.core.errors import BadInput, ClawError, NotAllowed, Unavailable
from runbooks.workspaces.pipelines import asking
from runbooks.workspaces.pipelines.asking import Conflicting, NotThere, Throttled
from runbooks.workspaces.pipelines.forge import Place, check_id, check_ref
from runbooks.workspaces.pipelines.github import GitHub
from runbooks.workspaces.pipelines.gitlab import GitLab
from runbooks.workspaces.pipelines.values import State, is_changing
from tests.servers.forges import GitHubServer, GitLabServer, github, gitlab
from tests.servers.forges.base import TOKEN

T = TypeVar("T")


def do(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


@pytest.fixture
def hub() -> Iterator[GitHubServer]:
    with GitHubServer().running() as forge:
        yield forge


@pytest.fixture
def lab() -> Iterator[GitLabServer]:
    with GitLabServer().running() as forge:
        yield forge


def at_hub(forge: GitHubServer, **fields: str) -> GitHub:
    given = {"repository": github.REPOSITORY, "token": TOKEN, "workflow": "ci.yml"} | fields
    return GitHub(Place(kind="github", api_url=forge.api_url, **given))


def at_lab(forge: GitLabServer, **fields: str) -> GitLab:
    given = {"repository": gitlab.REPOSITORY, "token": TOKEN} | fields
    return GitLab(Place(kind="gitlab", api_url=forge.api_url, **given))


# --- what is read and done -----------------------------------------------------------------------------------------
def test_a_run_of_github_is_a_pipeline_whose_jobs_are_stages(hub: GitHubServer) -> None:
    number = str(hub.add_run()["id"])
    info = do(at_hub(hub).get(number))
    assert (info.id, info.state, info.ref, info.by, info.attempt) == (number, State.RUNNING, "main", "octocat", 1)
    assert [(stage.name, stage.state) for stage in info.stages or ()] == [
        ("test", State.RUNNING),
        ("deploy production", State.RUNNING),
    ]
    assert is_changing(info.stages or ())
    assert [each.id for each in do(at_hub(hub).list(limit=3))] == [number]


def test_a_pipeline_of_gitlab_keeps_its_stages_in_order(lab: GitLabServer) -> None:
    info = do(at_lab(lab).get(str(lab.add_pipeline()["id"])))
    assert [(stage.name, stage.state) for stage in info.stages or ()] == [
        ("build", State.SUCCEEDED),
        ("test", State.RUNNING),
        ("deploy", State.WAITING),
    ]
    assert [stage.changes for stage in info.stages or ()] == [False, False, True]
    assert len(do(at_lab(lab, repository="21").list())) == 1


@pytest.mark.parametrize("knows_details", [True, False])
def test_github_starts_a_workflow_and_tells_which_run_where_it_can(knows_details: bool) -> None:
    with GitHubServer(knows_details=knows_details).running() as forge:
        started = do(at_hub(forge).start("topic/one"))
        assert [run["head_branch"] for run in forge.runs.values()] == ["topic/one"]
        assert (started is not None) == knows_details


def test_cancel_and_retry_at_github(hub: GitHubServer) -> None:
    number = hub.add_run()["id"]
    do(at_hub(hub).cancel(str(number)))
    do(at_hub(hub).cancel(str(number)))  # one that is over stays as it is
    assert hub.runs[number]["conclusion"] == "cancelled"
    hub.end_run(number, "failure")
    do(at_hub(hub).retry(str(number)))
    assert hub.asked[-1].endswith("/rerun-failed-jobs")
    hub.end_run(number, "success")
    do(at_hub(hub).retry(str(number)))
    assert hub.asked[-1].endswith("/rerun")
    assert do(at_hub(hub).get(str(number))).attempt == 3


def test_start_cancel_and_retry_at_gitlab(lab: GitLabServer) -> None:
    started = do(at_lab(lab).start("main"))
    assert started is not None
    do(at_lab(lab).cancel(started.id))
    assert do(at_lab(lab).get(started.id)).state == State.CANCELLED
    do(at_lab(lab).retry(started.id))
    again = do(at_lab(lab).get(started.id))
    assert (again.state, again.ended_before is not None) == (State.QUEUED, True)
    lab.end_pipeline(int(started.id), "success")
    do(at_lab(lab).retry(started.id))  # GitLab would do nothing, so another one begins
    assert len(lab.pipelines) == 2


def test_what_waits_is_approved_by_name(hub: GitHubServer, lab: GitLabServer) -> None:
    run = hub.add_run()["id"]
    hub.hold(run, "staging")
    hub.hold(run, "production")
    assert do(at_hub(hub).get(str(run))).state == State.WAITING
    assert do(at_hub(hub).approve_job(str(run), "staging")) == "staging"
    with pytest.raises(NotThere, match="production"):
        do(at_hub(hub).approve_job(str(run), "nothing"))
    assert do(at_hub(hub).approve_job(str(run))) == "production"
    with pytest.raises(Conflicting):
        do(at_hub(hub).approve_job(str(run)))
    row = lab.add_pipeline()["id"]
    lab.hold(row)
    assert do(at_lab(lab).approve_job(str(row), "deploy-web")) == "deploy-web"
    with pytest.raises(Conflicting):
        do(at_lab(lab).approve_job(str(row)))


def test_what_the_token_may_not_approve_is_said_so(hub: GitHubServer) -> None:
    run = hub.add_run()["id"]
    hub.hold(run, may_approve=False)
    with pytest.raises(NotAllowed):
        do(at_hub(hub).approve_job(str(run)))


def test_a_first_contribution_is_let_begin(hub: GitHubServer) -> None:
    run = hub.add_run(status="completed", conclusion="action_required")["id"]
    assert do(at_hub(hub).get(str(run))).state == State.WAITING
    do(at_hub(hub).approve_job(str(run)))
    assert hub.runs[run]["status"] == "queued"


# --- what goes wrong -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 401}, BadInput),
        ({"status": 403}, NotAllowed),
        ({"status": 404}, NotThere),
        ({"status": 409}, Conflicting),
        ({"status": 422}, BadInput),
        ({"status": 500, "times": 9}, Unavailable),
        ({"status": 429, "retry_after": 600.0}, Throttled),
        ({"status": 403, "retry_after": 600.0}, Throttled),
        ({"kind": "garbage"}, BadInput),
        ({"kind": "cut_after", "times": 9}, Unavailable),
    ],
)
def test_each_refusal_is_an_error_of_its_own(hub: GitHubServer, fault: dict[str, Any], error: type[ClawError]) -> None:
    number = str(hub.add_run()["id"])
    hub.fault(**{"kind": "status", **fault})
    with pytest.raises(error) as caught:
        do(at_hub(hub).get(number))
    assert TOKEN not in caught.value.message


def test_what_only_reads_is_asked_again_and_what_changes_is_not(hub: GitHubServer) -> None:
    number = hub.add_run()["id"]
    hub.fault("status", status=502, times=2)
    assert do(at_hub(hub).get(str(number))).id == str(number)
    hub.fault("cut_after", method="POST *", times=1)
    with pytest.raises(Unavailable):
        do(at_hub(hub).start("main"))
    assert len(hub.runs) == 2  # it was done, and not done twice


def test_who_is_throttled_waits_as_long_as_told(hub: GitHubServer) -> None:
    hub.fault("status", status=429, retry_after=1.0, method="POST *")
    begin = asyncio.new_event_loop()
    try:
        at = begin.time()
        assert begin.run_until_complete(at_hub(hub).start("main")) is not None
        assert begin.time() - at >= 1.0
    finally:
        begin.close()
    assert len(hub.runs) == 1


def test_a_slow_forge_is_given_up(hub: GitHubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.fault("hang", seconds=30.0, times=9)
    with pytest.raises(Unavailable):
        do(asking.ask(f"{hub.api_url}/x", headers={}, name="GitHub", seconds=0.3))


@pytest.mark.parametrize("text", ["", "1/../2", "12a", "-1", "1" * 21, "１"])
def test_what_is_no_number_never_becomes_a_path(text: str) -> None:
    with pytest.raises(BadInput):
        check_id(text)


@pytest.mark.parametrize("text", ["", "-x", "a..b", "a b", "a\nb", "a.lock", "x@{1}", "a" * 300, "/a", "a/"])
def test_what_is_no_branch_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        check_ref(text)


@pytest.mark.parametrize("name", ["", "shop", "a/b/c", "../etc/x", "a/..", "o/n?x=1", "o/n#"])
def test_what_is_no_repository_of_github_is_refused(name: str) -> None:
    with pytest.raises(BadInput):
        GitHub(Place(kind="github", api_url="http://127.0.0.1:1", repository=name, token="t"))
