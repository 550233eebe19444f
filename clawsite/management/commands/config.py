"""`manage.py config`: the configuration as files, what is different, and taking files in."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from clawsite.core.errors import BadInput
from clawsite.management.base import Subcommands
from clawsite.management.person import actor_at_terminal
from clawsite.ops.configuration import Outcome, commit_now, differences, read_folder, take_in, texts_now, write_folder
from clawsite.ops.configuration import repository as history


class Command(Subcommands):
    """Writes, compares and takes in what admins decide: channels without tokens, prompts, schedules and the like."""

    help = "Write the configuration as files, show what is different, or take files in."

    def verbs(self) -> Any:
        """The subcommands."""
        return {
            "export": ("write the files, and commit them in CLAW_HOME/config", _export_options, self.give_out),
            "diff": ("show what taking the files in would change", _source_options, self.compare),
            "import": ("take the files in: all of them, or nothing is changed", _import_options, self.take),
        }

    def give_out(self, options: dict[str, Any]) -> None:
        """Write into a folder, or bring the repository up to date."""
        if options["to"]:
            texts = texts_now()
            write_folder(Path(options["to"]), texts)
            self.say(f"{len(texts)} files are written below {options['to']}.")
            return
        sha = commit_now("Export.\n", actor=actor_at_terminal())
        self.say(f"Committed: {sha[:12]}." if sha else "Everything is committed already.")
        if edited := history.edits():
            self.say(f"Being edited, and left as they are: {', '.join(edited)}")

    def compare(self, options: dict[str, Any]) -> None:
        """Show the differences from the rows to the files; exit code 3 when there are some."""
        wanted, now = _source(options), texts_now()
        # Rows without a file stay, so they are no difference.
        told = differences({path: text for path, text in now.items() if path in wanted}, wanted)
        self.say(told.rstrip() if told else "There is no difference.")
        if told:
            sys.exit(3)

    def take(self, options: dict[str, Any]) -> None:
        """Take the files in, after a commit of what is there now."""
        actor, texts = actor_at_terminal(), _source(options)
        before = ""
        if not options["check"]:
            commit_now("Before an import.\n", actor=actor)
            before = history.newest()  # now: the worker may commit what is taken in before we can
        outcome = take_in(texts, actor=actor, prune=options["prune"], dry=options["check"])
        self._tell(outcome, dry=options["check"])
        if options["check"]:
            return
        is_other = bool(outcome.changed or outcome.removed)
        # The same import once more changes nothing, and must not put what it finds in the place of what was good.
        if is_other and before and options["revision"] != history.LAST_GOOD:
            history.mark_good(before)
        commit_now("Import.\n", actor=actor)
        if not options["path"] and not options["revision"]:
            history.discard_edits(texts)
        if is_other:
            self.say("What was before is kept: manage.py config import --revision last-good")
            self.say("With --prune that removes what this added, too; people, groups and channels that it added stay.")

    def _tell(self, outcome: Outcome, *, dry: bool) -> None:
        """Say what was, or would be, changed and removed, each by its file."""
        changed, removed = ("would change", "would be removed") if dry else ("changed", "removed")
        self.say(f"{len(outcome.changed)} {changed}, {len(outcome.removed)} {removed}.")
        for path in outcome.changed:
            self.say(f"  {path}")
        for path in outcome.removed:
            self.say(f"  {path}: {removed}")


def _source_options(parser: ArgumentParser) -> None:
    parser.add_argument("path", nargs="?", default="", help="a folder of files (CLAW_HOME/config)")
    parser.add_argument("--revision", default="", help="a commit of CLAW_HOME/config, or last-good")


def _import_options(parser: ArgumentParser) -> None:
    _source_options(parser)
    parser.add_argument("--check", action="store_true", help="only say whether they are right")
    parser.add_argument("--prune", action="store_true", help="remove schedules, runbooks and the like without a file")


def _export_options(parser: ArgumentParser) -> None:
    parser.add_argument("--to", default="", help="a folder to write into, without any commit")


def _source(options: dict[str, Any]) -> dict[str, str]:
    if options["path"] and options["revision"]:
        raise BadInput("Give a folder or a revision.")
    if options["revision"]:
        return history.read_revision(options["revision"])
    return read_folder(Path(options["path"])) if options["path"] else history.checkout()
