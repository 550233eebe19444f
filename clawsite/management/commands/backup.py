"""`manage.py backup`: make a backup now, check it, and say where it is."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings

from clawsite.management.base import OperatorCommand
from clawsite.ops.backups.copying import copy_away, copy_one
from clawsite.ops.backups.identity import key_path
from clawsite.ops.backups.making import make_backup
from clawsite.ops.backups.stores import FolderStore


class Command(OperatorCommand):
    """Runs beside a running system: others go on writing while the database is copied."""

    help = "Make an encrypted backup of everything, restore it into a scratch place to check it, and keep it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--to", metavar="FOLDER", help="put a copy into this folder, too")
        parser.add_argument("--json", action="store_true", help="tell what was made as JSON")

    def work(self, options: dict[str, Any]) -> None:
        """Make it."""
        row = make_backup(reason=f"cli:{getpass.getuser()}")
        copy_away()
        row.refresh_from_db()
        if options["to"]:
            copy_one(row, FolderStore(Path(options["to"]).expanduser().absolute()))
        if options["json"]:
            self.say_json({"name": row.name, "size": row.size, "sha256": row.sha256, "places": row.places})
            return
        rows = sum(row.counts["tables"].values())
        self.say(f"Backup {row.name}: {row.size} bytes, {row.counts['files']} files, {rows} rows. It was restored")
        self.say("into a scratch place, and everything in it is whole.")
        for place in row.places:
            self.say(f"Kept in {place}")
        if not settings.CLAW_BACKUP_RECIPIENT:
            self.say(f"Only {key_path()} opens it. Keep a copy of that file somewhere else: it is in no backup.")
