"""`manage.py prepare`: what `up` does before its roles start, for set-ups where each role is started by itself."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from clawsite.management.address import page_address
from clawsite.management.base import OperatorCommand
from clawsite.ops.prepare import prepare_installation


class Command(OperatorCommand):
    """Brings the database up to date; may be repeated, and called on several machines at once."""

    help = "Bring the database up to date before roles are started one by one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--no-link", action="store_true", help="leave the first admin's link to who starts web")

    def work(self, options: dict[str, Any]) -> None:
        """Prepare, and show the link of the first login when there is nobody who could log in."""
        link = prepare_installation(migrate=True, link=not options["no_link"])
        self.say("The installation is ready to start.")
        if link:
            self.say(f"First login  {page_address()}{link}  (works once, for one hour)")
