"""`manage.py schemachanges`: what this version would change in the database, and who survives that."""

from __future__ import annotations

import sys
from typing import Any

from clawsite.management.base import OperatorCommand
from clawsite.ops.schema import read_pending, read_unknown

BREAKING = 3


class Command(OperatorCommand):
    """Ends with 0 when the version at work can stay at work while this one starts, and with 3 when it cannot."""

    help = "Show the migrations to come, and whether the version at work survives them."

    def work(self, options: dict[str, Any]) -> None:
        """Show them, and what a newer version has changed already, of which this one cannot tell what it did."""
        if unknown := read_unknown():
            self.say(
                f"A newer version has changed the database ({', '.join(unknown)}), and this one cannot tell how. "
                "If that version was deployed with --stop-first, restore the backup from before it instead."
            )
        pending = read_pending()
        breaking = [migration for migration in pending if migration.breaking]
        for migration in breaking:
            self.say(f"{migration.name}: {'; '.join(migration.breaking)}")
        if breaking:
            sys.exit(BREAKING)
        what = f"{len(pending)} migrations, which only add" if pending else "nothing"
        self.say(f"To change in the database: {what}.")
