"""`manage.py jobs`: what runs and ran, and starting or cancelling it."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from clawsite.core.errors import BadInput, NotAllowed
from clawsite.management.base import Subcommands
from clawsite.management.person import actor_at_terminal
from clawsite.ops.running import find_running
from runbooks import jobs
from runbooks.jobs.reading import describe_event
from runbooks.models import Job

SHOWN_KEY = 12
SHOWN_EVENTS = 20


class Command(Subcommands):
    """Lists, shows, starts and cancels jobs."""

    help = "List, show, start or cancel jobs."

    def verbs(self) -> Any:
        """The subcommands."""
        return {
            "list": ("show the newest jobs", _list_options, self.list),
            "show": ("show one job and its last events", _one_options, self.show),
            "start": ("create a job of a kind and start it", _start_options, self.start),
            "cancel": ("cancel a job", _one_options, self.cancel),
            "kinds": ("show the kinds of job there are", _json_option, self.kinds),
        }

    def list(self, options: dict[str, Any]) -> None:
        """Show the newest jobs."""
        found = jobs.list_jobs(None, state=options["state"] or "", kind=options["kind"], limit=options["limit"])
        if options["json"]:
            self.say_json([jobs.describe(job) for job in found])
        elif not found:
            self.say("There are no such jobs. Start one to test the path: manage.py jobs start selftest")
        else:
            self.say_table(["JOB", "KIND", "STATE", "OWNER", "CREATED", "ERROR"], [_cells(job) for job in found])

    def show(self, options: dict[str, Any]) -> None:
        """Show a job."""
        job = _find(options["job"])
        events = jobs.read_events(job, max(0, job.last_seq - options["events"]))
        if options["json"]:
            told = [describe_event(job, event) for event in events]
            self.say_json(jobs.describe(job) | {"params": job.params, "result": job.result, "events": told})
            return
        for name, value in jobs.describe(job).items():
            self.say_table([f"{name}:", str(value)], [])
        self.say_table(["params:", json.dumps(job.params, ensure_ascii=False)], [])
        self.say_table(["result:", json.dumps(job.result, ensure_ascii=False)], [])
        rows = [[str(each.seq), _time(each.at), each.kind, _short(each.data)] for each in events]
        self.say_table(["SEQ", "AT", "EVENT", "DATA"], rows)

    def start(self, options: dict[str, Any]) -> None:
        """Create and start a job."""
        job = jobs.create_job(
            options["kind"],
            params=_read_params(options["params"]),
            actor=actor_at_terminal(),
            idempotency_key=options["key"],
            start=True,
            origin="terminal",
        )
        if options["json"]:
            self.say_json(jobs.describe(job))
        elif job.state == Job.State.QUEUED and not find_running("worker"):
            self.say(f"Created: {job.key}")
            self.say("It waits for a worker, and none runs. Start everything with ./run, or one: manage.py worker")
        else:
            self.say(f"Started: {job.key}")

    def cancel(self, options: dict[str, Any]) -> None:
        """Cancel a job."""
        job = _find(options["job"])
        if job.is_over:
            raise BadInput(f"This job is over: {job.get_state_display().lower()}.")
        job = jobs.cancel_job(job.key, actor=actor_at_terminal(), origin="terminal")
        if options["json"]:
            self.say_json(jobs.describe(job))
        else:
            self.say("Cancelled." if job.is_over else "It was asked to stop, and will at its next chance.")

    def kinds(self, options: dict[str, Any]) -> None:
        """Show the kinds."""
        found = jobs.list_kinds()
        if options["json"]:
            self.say_json([{"name": kind.name, "description": kind.description} for kind in found])
        else:
            self.say_table(["KIND", "FROM ROLE", "WHAT IT DOES"], [[k.name, k.role, k.description] for k in found])


def _json_option(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="write JSON")


def _list_options(parser: ArgumentParser) -> None:
    _json_option(parser)
    parser.add_argument("--state", choices=Job.State.values, help="only those in this state")
    parser.add_argument("--kind", default="", help="only those of this kind")
    parser.add_argument("--limit", type=int, default=20, help="how many (%(default)s)")


def _one_options(parser: ArgumentParser) -> None:
    _json_option(parser)
    parser.add_argument("job", help="the job's id, or its beginning")
    parser.add_argument("--events", type=int, default=SHOWN_EVENTS, help="how many of the last events (%(default)s)")


def _start_options(parser: ArgumentParser) -> None:
    _json_option(parser)
    parser.add_argument("kind", help="one of those that `jobs kinds` shows")
    parser.add_argument("params", nargs="?", default="{}", help='parameters as JSON, such as {"events": 5}')
    parser.add_argument("--key", default="", help="an idempotency key: repeated, it gives the same job")


def _read_params(text: str) -> dict[str, Any]:
    try:
        params = json.loads(text)
    except ValueError:
        params = None
    if not isinstance(params, dict):
        raise BadInput('Parameters are a JSON object, such as {"events": 5}.')
    return params


def _find(text: str) -> Job:
    """Return the one job whose id begins like this."""
    found = list(Job.objects.filter(key__startswith=text)[:2]) if text.isalnum() else []
    if not found:
        raise NotAllowed("There is no such job.")
    if len(found) > 1:
        raise BadInput("Several jobs begin like this. Give more of the id.")
    return found[0]


def _cells(job: Job) -> list[str]:
    return [job.key[:SHOWN_KEY], job.kind, job.state, job.owner, _time(job.created_at), job.error[:60]]


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _short(data: Any) -> str:
    text = json.dumps(data, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:99]}…"
