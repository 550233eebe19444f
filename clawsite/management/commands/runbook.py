"""`manage.py runbook`: which runbooks there are, running one, and bringing them in and out as YAML."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from clawsite.core.errors import BadInput, ClawError
from clawsite.management.base import Subcommands
from clawsite.management.person import actor_at_terminal
from runbooks import books
from runbooks.books.ready import read_folder, ready_folder
from runbooks.books.spec import Book
from runbooks.books.starting import get_named
from runbooks.jobs import read_events
from runbooks.models import Job, JobEvent, Run

ORIGIN = "terminal"
LOOK_SECONDS = 0.3
# When nobody has taken a run up after so long, it is said why that may be.
PATIENCE_SECONDS = 5.0
GOES_ON = "The run goes on. To see it: manage.py jobs show {key}. To stop it: manage.py jobs cancel {key}"


class RunFailed(ClawError):
    """A run that was waited for did not succeed."""

    code = "run_failed"


class Command(Subcommands):
    """Lists, runs, imports and exports runbooks."""

    help = "List, run, import or export runbooks."

    def verbs(self) -> Any:
        """The subcommands."""
        return {
            "list": ("show the runbooks there are", _json_option, self.list),
            "run": ("run one and show how it goes", _run_options, self.run_one),
            "import": ("read YAML files, or all of a folder", _import_options, self.take_in),
            "export": ("write runbooks as YAML", _export_options, self.give_out),
        }

    def list(self, options: dict[str, Any]) -> None:
        """Show what there is."""
        rows = books.list_runbooks()
        if options["json"]:
            self.say_json([{"name": row.name, "title": row.title, "version": row.version} for row in rows])
        elif not rows:
            self.say("There are no runbooks. To bring in the ready-made ones: manage.py runbook import --ready")
        else:
            cells = [[row.name, f"v{row.version}", row.role, "on" if row.enabled else "off", row.title] for row in rows]
            self.say_table(["RUNBOOK", "VERSION", "FROM ROLE", "STATE", "WHAT IT DOES"], cells)

    def run_one(self, options: dict[str, Any]) -> None:
        """Start it and follow it to its end."""
        run = books.start_run(
            options["name"],
            _read_pairs(options["values"]),
            actor=actor_at_terminal(),
            dry_run=options["dry"],
            origin=ORIGIN,
        )
        self.say(f"Run {run.pk} of {run.name} on {run.target}, job {run.job.key[:12]}")
        if not options["no_wait"]:
            try:
                self._follow(run)
            except KeyboardInterrupt:
                raise CommandError(GOES_ON.format(key=run.job.key[:12]), returncode=130) from None

    def _follow(self, run: Run) -> None:
        """Show events until the job is over; stopping to look does not stop the run."""
        after, warn_at = 0, time.monotonic() + PATIENCE_SECONDS
        while True:
            job = Job.objects.get(pk=run.job_id)
            for event in read_events(job, after):
                after = event.seq
                if line := _line(event):
                    self.say("".join(char if char.isprintable() or char in "\n\t" else "?" for char in line))
            if job.is_over and after >= job.last_seq:
                break
            if job.state == Job.State.QUEUED and time.monotonic() >= warn_at:
                self.say("It waits for a worker. Is `manage.py up` running? Ctrl-C ends looking, not the run.")
                warn_at = float("inf")
            time.sleep(LOOK_SECONDS)
        if job.state != Job.State.SUCCEEDED:
            raise RunFailed(f"{job.get_state_display()}. {job.error}".strip())

    def take_in(self, options: dict[str, Any]) -> None:
        """Read everything first: one mistake, and nothing is changed."""
        found = [book for path in _paths(options) for book in _read(path)]
        if not found:
            raise BadInput("Name YAML files or a folder with some, or say --ready for those that come with clawsite.")
        actor = actor_at_terminal()
        for book in found:
            if options["check"]:
                self.say(f"{book.name}: right, {len(book.steps)} steps")
            else:
                row = books.save_book(book, actor=actor, origin=ORIGIN)
                self.say(f"{row.name}: version {row.version}")

    def give_out(self, options: dict[str, Any]) -> None:
        """Write one to the terminal, or all into a folder."""
        rows = [get_named(options["name"])] if options["name"] else books.list_runbooks()
        if not options["to"]:
            self.say("---\n".join(books.write_book(books.to_book(row)) for row in rows).rstrip())
            return
        folder = Path(options["to"])
        folder.mkdir(parents=True, exist_ok=True)
        for row in rows:
            path = folder / f"{row.name}.yaml"
            path.write_text(books.write_book(books.to_book(row)), encoding="utf-8")
            self.say(str(path))


def _json_option(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="write JSON")


def _run_options(parser: ArgumentParser) -> None:
    parser.add_argument("name", help="one of those that `runbook list` shows")
    parser.add_argument("values", nargs="*", metavar="NAME=VALUE", help="its parameters")
    parser.add_argument("--dry", action="store_true", help="only show what would be done")
    parser.add_argument("--no-wait", action="store_true", help="do not wait for its end")


def _import_options(parser: ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", help="YAML files or folders")
    parser.add_argument("--ready", action="store_true", help="those that come with clawsite")
    parser.add_argument("--check", action="store_true", help="only say whether they are right")


def _export_options(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", default="", help="which one; all unless given")
    parser.add_argument("--to", default="", help="a folder to write into, a file for each")


def _paths(options: dict[str, Any]) -> list[Path]:
    return [*map(Path, options["paths"]), *([ready_folder()] if options["ready"] else [])]


def _read(path: Path) -> list[Book]:
    try:
        if path.is_dir():
            return read_folder(path)
        return [books.read_book(path.read_text(encoding="utf-8"), name=path.name)]
    except OSError as error:
        raise BadInput(f"{error.filename or path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path} cannot be read: it is not text.") from None


def _read_pairs(words: list[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    if wrong := [name for name, sign, _ in pairs if not sign]:
        raise BadInput(f"Write parameters as NAME=VALUE, not {wrong[0]!r}.")
    return {name: value for name, _, value in pairs}


def _line(event: JobEvent) -> str:
    """Return an event as a line for people, "" for one that says nothing to them."""
    data = event.data
    if event.kind == "output":
        return str(data["text"]).rstrip("\n")
    if event.kind == "plan":
        return f"{data['number']}. {data['title']}: {data['text']}"
    if event.kind != "step":
        return ""
    undo = "undo " if data["part"] == "undo" else ""
    time_taken = f" ({data['seconds']:g} s)" if data["state"] in ("ok", "failed") else ""
    note = f" - {data['note']}" if data["note"] else ""
    return f"[{data['number']}/{data['of']}] {undo}{data['title']} ... {data['state']}{time_taken}{note}"
