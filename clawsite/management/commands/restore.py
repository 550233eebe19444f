"""`manage.py restore SOURCE`: replace this installation by a backup, and see whether it is well."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from clawsite.management.asking import agree
from clawsite.management.base import OperatorCommand
from clawsite.ops.backups.about import About
from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.identity import Identity, key_path, read_identity
from clawsite.ops.backups.moments import parse_moment
from clawsite.ops.backups.restoring import Restored, restore, willing


class Command(OperatorCommand):
    """Needs a system that stands still; works on an empty machine, too."""

    help = "Restore a backup: check all of it, put it in place, keep what it replaces, ask /health."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("source", help='a file, the name of a backup, or "latest": the newest of all places')
        parser.add_argument("--identity", metavar="FILE", help="the age identity that opens it (CLAW_HOME/backup.key)")
        parser.add_argument(
            "--unsealed", action="store_true", help="trust a backup that was encrypted for CLAW_BACKUP_RECIPIENT"
        )
        parser.add_argument(
            "--until", metavar="TIME",
            help='the database as it was then, such as "2026-11-26 14:03:20"; "end": as far as its log was copied',
        )  # fmt: skip
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--json", action="store_true", help="tell what was restored as JSON")

    def work(self, options: dict[str, Any]) -> None:
        """Restore."""
        identity = _identity(options["identity"])
        until = parse_moment(options["until"]) if options["until"] else None
        sure = willing if options["yes"] else _ask
        try:
            done = restore(
                options["source"], identity=identity, proven=not options["unsealed"], until=until, agree=sure
            )
        except OSError as error:
            raise BackupFailed(f"The disk does not take or give the data: {error.strerror}.") from error
        self._tell_json(done) if options["json"] else self._tell(done)

    def _tell_json(self, done: Restored) -> None:
        put = done.replaced
        told = {
            "name": done.name,
            "place": done.place,
            "kept": str(put.kept),
            "database": put.kept_database,
            "told": done.told,
            "spoilt": list(put.reached.spoilt) if put.reached else [],
        }
        self.say_json(told | {"counts": put.about.counts})

    def _tell(self, done: Restored) -> None:
        put, about = done.replaced, done.replaced.about
        if put.reached is not None:
            self.say(f"The database is as it was at {put.reached.moment.isoformat(timespec='milliseconds')}.")
            for sentence in put.reached.spoilt:
                self.say(sentence)
        rows = sum(about.counts.values())
        self.say(f"Restored {done.name} from {done.place}.")
        self.say(f"It was made at {about.created_at} by version {about.version}, with {rows} rows.")
        self.say(f"/health says: {done.health['status']}. Admins' chats that will be told: {done.told}.")
        self.say(f"What was replaced is in {put.kept}. Delete that folder when you are sure.")
        if put.kept_database:
            self.say(f"The database that was replaced is called {put.kept_database} now.")
        self.say("Start clawsite now, as you always do.")


def _ask(about: About) -> None:
    whole = f"The backup of {about.created_at} by version {about.version} is whole."
    if not agree(f"{whole} Everything that is here is replaced by it. Go on?"):
        raise CommandError("Nothing was changed.")


def _identity(given: str | None) -> Identity:
    path = Path(given) if given else key_path()
    if not given and not path.exists():
        raise BackupFailed("There is no backup.key here. Give the identity that opens the backup: --identity FILE.")
    return read_identity(path)
