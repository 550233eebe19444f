"""GitHub's REST API of runs of workflows, as far as a chat uses it: every field that its schema requires is there."""

from __future__ import annotations

from typing import Any

from tests.servers.forges.base import TOKEN, Answer, ForgeServer, now
from tests.servers.wire import Request, Response

REPOSITORY = "octo/shop"
SHA = "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d"


def user(login: str = "octocat") -> dict[str, Any]:
    return {"login": login, "id": 1, "node_id": "u", "avatar_url": "", "html_url": f"https://github.com/{login}"}


class GitHubServer(ForgeServer):
    """One repository with one workflow, ci.yml. `knows_details` is whether a dispatch tells which run it made."""

    def __init__(self, *, knows_details: bool = True) -> None:
        super().__init__()
        self.knows_details = knows_details
        self.runs: dict[int, dict[str, Any]] = {}
        self.jobs: dict[int, list[dict[str, Any]]] = {}
        self.environments: dict[int, list[dict[str, Any]]] = {}

    def is_known(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {TOKEN}"

    @property
    def api_url(self) -> str:
        return self.http.url

    # --- what a test does ---------------------------------------------------------------------------------------
    def add_run(
        self, *, status: str = "in_progress", conclusion: str | None = None, branch: str = "main"
    ) -> dict[str, Any]:
        """Begin a run with two jobs, of which the second is a deploy."""
        number = 30433642 + len(self.runs)
        page = f"https://github.com/{REPOSITORY}/actions/runs/{number}"
        api = f"{self.api_url}/repos/{REPOSITORY}/actions/runs/{number}"
        run = {
            "id": number,
            "name": "ci",
            "node_id": f"run{number}",
            "check_suite_id": 42,
            "check_suite_node_id": "cs",
            "head_branch": branch,
            "head_sha": SHA,
            "path": ".github/workflows/ci.yml",
            "run_number": len(self.runs) + 1,
            "event": "push",
            "display_title": "Change the shop",
            "status": status,
            "conclusion": conclusion,
            "workflow_id": 161335,
            "url": api,
            "html_url": page,
            "pull_requests": [],
            "created_at": now(),
            "updated_at": now(),
            "actor": user(),
            "triggering_actor": user(),
            "run_attempt": 1,
            "run_started_at": now(),
            "jobs_url": f"{api}/jobs",
            "logs_url": f"{api}/logs",
            "check_suite_url": f"{api}/suite",
            "artifacts_url": f"{api}/artifacts",
            "cancel_url": f"{api}/cancel",
            "rerun_url": f"{api}/rerun",
            "previous_attempt_url": None,
            "workflow_url": f"{self.api_url}/repos/{REPOSITORY}/actions/workflows/161335",
            "head_commit": {"id": SHA, "tree_id": "t", "message": "Change", "timestamp": now()},
            "repository": {"id": 1296269, "full_name": REPOSITORY},
            "head_repository": {"id": 1296269, "full_name": REPOSITORY},
        }
        self.runs[number] = run
        self.jobs[number] = [self._job(run, "test"), self._job(run, "deploy production")]
        return run

    def end_run(self, number: int, conclusion: str) -> None:
        """Let a run and its jobs end."""
        self.runs[number] |= {"status": "completed", "conclusion": conclusion, "updated_at": now()}
        for job in self.jobs[number]:
            job |= {"status": "completed", "conclusion": conclusion, "completed_at": now()}

    def hold(self, number: int, name: str = "production", *, may_approve: bool = True) -> None:
        """Let a run wait for a review of an environment."""
        self.runs[number]["status"] = "waiting"
        self.environments.setdefault(number, []).append(
            {
                "environment": {"id": 161088068 + len(name), "node_id": "e", "name": name, "url": "", "html_url": ""},
                "wait_timer": 0,
                "wait_timer_started_at": now(),
                "current_user_can_approve": may_approve,
                "reviewers": [{"type": "User", "reviewer": user()}],
            }
        )

    # --- what it answers ----------------------------------------------------------------------------------------
    def routes(self) -> list[tuple[str, str, Answer]]:
        base = rf"/repos/{REPOSITORY}/actions"
        run = rf"{base}/runs/(\d+)"
        return [
            ("GET", rf"{base}(?:/workflows/ci\.yml)?/runs", self._list),
            ("GET", run, lambda _, number: self._with(number, Response.from_json)),
            ("GET", f"{run}/jobs", self._list_jobs),
            ("POST", f"{run}/cancel", self._cancel),
            ("POST", f"{run}/rerun(-failed-jobs)?", self._rerun),
            ("POST", f"{run}/approve", self._approve),
            ("GET", f"{run}/pending_deployments", self._pending),
            ("POST", f"{run}/pending_deployments", self._review),
            ("POST", rf"{base}/workflows/ci\.yml/dispatches", self._dispatch),
        ]

    def _with(self, number: str, answer: Any) -> Response:
        found = self.runs.get(int(number))
        return Response.from_json({"message": "Not Found"}, 404) if found is None else answer(found)

    def _list(self, request: Request) -> Response:
        rows = sorted(self.runs.values(), key=lambda run: -run["id"])[: int(request.query.get("per_page", "30"))]
        return Response.from_json({"total_count": len(self.runs), "workflow_runs": rows})

    def _list_jobs(self, request: Request, number: str) -> Response:
        rows = self.jobs.get(int(number), [])
        return self._with(number, lambda _: Response.from_json({"total_count": len(rows), "jobs": rows}))

    def _cancel(self, request: Request, number: str) -> Response:
        def cancel(run: dict[str, Any]) -> Response:
            if run["status"] == "completed":
                return Response.from_json({"message": "Cannot cancel a workflow run that is completed."}, 409)
            self.end_run(run["id"], "cancelled")
            return Response.from_json({}, 202)

        return self._with(number, cancel)

    def _rerun(self, request: Request, number: str, failed: str | None) -> Response:
        def rerun(run: dict[str, Any]) -> Response:
            if run["status"] != "completed":
                return Response.from_json({"message": "This workflow run is already running"}, 403)
            run |= {"status": "queued", "conclusion": None, "run_attempt": run["run_attempt"] + 1, "updated_at": now()}
            for job in self.jobs[run["id"]]:
                if not failed or job["conclusion"] == "failure":
                    job |= {"status": "queued", "conclusion": None, "completed_at": None}
            return Response.from_json({}, 201)

        return self._with(number, rerun)

    def _approve(self, request: Request, number: str) -> Response:
        self.runs[int(number)] |= {"status": "queued", "conclusion": None}
        return Response.from_json({}, 201)

    def _pending(self, request: Request, number: str) -> Response:
        return Response.from_json(self.environments.get(int(number), []))

    def _review(self, request: Request, number: str) -> Response:
        told, run = request.json(), self.runs[int(number)]
        if set(told) != {"environment_ids", "state", "comment"} or told["state"] not in ("approved", "rejected"):
            return Response.from_json({"message": "Invalid request."}, 422)
        left = [
            each
            for each in self.environments.get(int(number), [])
            if each["environment"]["id"] not in told["environment_ids"]
        ]
        self.environments[int(number)] = left
        run["status"] = "waiting" if left else "in_progress"
        return Response.from_json([])

    def _dispatch(self, request: Request) -> Response:
        told = request.json()
        unknown = set(told) - {"ref", "inputs"} - ({"return_run_details"} if self.knows_details else set())
        if unknown:
            return Response.from_json({"message": f'"{unknown.pop()}" is not a permitted key.'}, 422)
        run = self.add_run(status="queued", branch=told["ref"])
        if not told.get("return_run_details"):
            return Response(status=204)
        return Response.from_json(
            {"workflow_run_id": run["id"], "run_url": run["url"], "html_url": run["html_url"]}, 200
        )

    def _job(self, run: dict[str, Any], name: str) -> dict[str, Any]:
        number = 399444496 + sum(map(len, self.jobs.values())) + (1 if name != "test" else 0)
        return {
            "id": number,
            "run_id": run["id"],
            "run_url": run["url"],
            "run_attempt": 1,
            "node_id": "j",
            "head_sha": SHA,
            "url": f"{run['url']}/jobs/{number}",
            "html_url": f"{run['html_url']}/job/{number}",
            "status": "in_progress",
            "conclusion": None,
            "started_at": now(),
            "completed_at": None,
            "name": name,
            "steps": [{"name": "Set up job", "status": "completed", "conclusion": "success", "number": 1}],
            "check_run_url": f"{run['url']}/check",
            "labels": ["ubuntu-latest"],
            "runner_id": 1,
            "runner_name": "runner",
            "runner_group_id": 2,
            "runner_group_name": "group",
        }
