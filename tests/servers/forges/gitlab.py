"""GitLab's REST API of pipelines, version 4, as far as a chat uses it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from tests.servers.forges.base import TOKEN, Answer, ForgeServer, now
from tests.servers.wire import Request, Response

REPOSITORY = "shop/web"
SHA = "50f0acb76a40e34a4ff304f7347dcc6587da8a14"
# A list tells less of each than one asked for alone.
LISTED = (
    "id", "iid", "project_id", "status", "source", "ref", "sha", "name", "web_url", "created_at", "updated_at",
)  # fmt: skip
USER = {"id": 1, "username": "root", "name": "Administrator", "state": "active", "avatar_url": "", "web_url": ""}


class GitLabServer(ForgeServer):
    """One repository whose pipelines have the stages build, test and deploy; the last one waits for a person."""

    def __init__(self) -> None:
        super().__init__()
        self.pipelines: dict[int, dict[str, Any]] = {}
        self.jobs: dict[int, dict[str, Any]] = {}

    def is_known(self, request: Request) -> bool:
        return request.headers.get("private-token") == TOKEN

    @property
    def api_url(self) -> str:
        return f"{self.http.url}/api/v4"

    # --- what a test does ---------------------------------------------------------------------------------------
    def add_pipeline(self, *, status: str = "running", ref: str = "main") -> dict[str, Any]:
        """Begin a pipeline: built, being tested, its deploy not begun."""
        number = 287 + len(self.pipelines)
        row = {
            "id": number,
            "iid": len(self.pipelines) + 1,
            "project_id": 21,
            "name": "Build pipeline",
            "sha": SHA,
            "ref": ref,
            "status": status,
            "source": "push",
            "created_at": now(),
            "updated_at": now(),
            "web_url": f"https://gitlab.example.com/{REPOSITORY}/-/pipelines/{number}",
            "before_sha": "8a24fb3c5877a6d0b611ca41fc86edc174593e2b",
            "tag": False,
            "yaml_errors": None,
            "user": USER,
            "started_at": now(),
            "finished_at": None,
            "committed_at": None,
            "duration": None,
            "queued_duration": 6,
            "coverage": None,
            "detailed_status": None,
        }
        self.pipelines[number] = row
        for stage, state in (("build", "success"), ("test", "running"), ("deploy", "manual")):
            self._add_job(row, stage, state)
        return row

    def end_pipeline(self, number: int, status: str) -> None:
        """Let a pipeline end, its test with it."""
        self.pipelines[number] |= {"status": status, "finished_at": now(), "updated_at": now(), "duration": 34}
        for job in self._jobs_of(number):
            if job["status"] == "running":
                job |= {"status": status, "finished_at": now(), "duration": 12.5}

    def hold(self, number: int) -> None:
        """Let a pipeline wait for its manual job."""
        self.end_pipeline(number, "success")
        self.pipelines[number] |= {"status": "manual"}

    # --- what it answers ----------------------------------------------------------------------------------------
    def routes(self) -> list[tuple[str, str, Answer]]:
        base = f"/api/v4/projects/(?:{re.escape(quote(REPOSITORY, safe=''))}|21)"
        one = rf"{base}/pipelines/(\d+)"
        return [
            ("GET", f"{base}/pipelines", self._list),
            ("GET", one, self._get),
            ("GET", f"{one}/jobs", self._list_jobs),
            ("POST", f"{one}/cancel", self._cancel),
            ("POST", f"{one}/retry", self._retry),
            ("POST", f"{base}/pipeline", self._create),
            ("POST", rf"{base}/jobs/(\d+)/play", self._play),
        ]

    def _list(self, request: Request) -> Response:
        rows = sorted(self.pipelines.values(), key=lambda row: -row["id"])[: int(request.query.get("per_page", "20"))]
        return Response.from_json([{name: row[name] for name in LISTED} for row in rows])

    def _get(self, request: Request, number: str) -> Response:
        found = self.pipelines.get(int(number))
        return Response.from_json({"message": "404 Not found"}, 404) if found is None else Response.from_json(found)

    def _list_jobs(self, request: Request, number: str) -> Response:
        return Response.from_json(sorted(self._jobs_of(int(number)), key=lambda job: -job["id"]))

    def _cancel(self, request: Request, number: str) -> Response:
        if self.pipelines[int(number)]["finished_at"] is None:
            self.end_pipeline(int(number), "canceled")
        return self._get(request, number)

    def _retry(self, request: Request, number: str) -> Response:
        row = self.pipelines[int(number)]
        failed = [job for job in self._jobs_of(int(number)) if job["status"] in ("failed", "canceled")]
        for job in failed:
            job |= {"status": "pending", "finished_at": None}
        if failed:
            row |= {"status": "pending", "updated_at": now()}
        return Response.from_json(row, 201)

    def _create(self, request: Request) -> Response:
        if "ref" not in request.json():
            return Response.from_json({"error": "ref is missing"}, 400)
        return Response.from_json(self.add_pipeline(status="pending", ref=request.json()["ref"]), 201)

    def _play(self, request: Request, number: str) -> Response:
        job = self.jobs.get(int(number))
        if job is None or job["status"] != "manual":
            return Response.from_json({"message": "400 Bad request - Unplayable Job"}, 400)
        job["status"] = "pending"
        self.pipelines[job["pipeline"]["id"]] |= {"status": "running", "updated_at": now()}
        return Response.from_json(job)

    def _jobs_of(self, number: int) -> list[dict[str, Any]]:
        return [job for job in self.jobs.values() if job["pipeline"]["id"] == number]

    def _add_job(self, row: dict[str, Any], stage: str, status: str) -> None:
        number = 1000 + len(self.jobs)
        over = status == "success"
        self.jobs[number] = {
            "id": number,
            "status": status,
            "stage": stage,
            "name": f"{stage}-web",
            "ref": row["ref"],
            "tag": False,
            "coverage": None,
            "allow_failure": False,
            "created_at": now(),
            "started_at": now(),
            "finished_at": now() if over else None,
            "erased_at": None,
            "duration": 8.25 if over else None,
            "queued_duration": 0.01,
            "user": USER,
            "commit": None,
            "pipeline": {name: row[name] for name in ("id", "sha", "ref", "status")},
            "web_url": f"https://gitlab.example.com/{REPOSITORY}/-/jobs/{number}",
            "artifacts": [],
            "artifacts_expire_at": None,
            "tag_list": [],
            "runner": None,
            "project": {"ci_job_token_scope_enabled": False},
            "archived": False,
        }
