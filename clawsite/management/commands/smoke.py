"""`manage.py smoke`: asks a running instance for everything that a person would, before people are sent to it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings

from clawsite.management.address import own_address
from clawsite.management.base import OperatorCommand
from clawsite.management.person import actor_at_terminal
from clawsite.ops.smoke import Place, check_instance

SECONDS = 60.0


class Command(OperatorCommand):
    """Checks health, handshake and one message; ends with 1 when one of them fails."""

    help = "Check a running instance: it is ready, lets programs in, and answers a message."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--url", default=own_address(), help="where it listens (%(default)s)")
        parser.add_argument("--seconds", type=float, default=SECONDS, help="the time it has (%(default)s)")

    def work(self, options: dict[str, Any]) -> None:
        """Run the checks."""
        place = Place(url=options["url"].rstrip("/"), ca_file=settings.CLAW_TLS_CERT)
        check_instance(place, actor=actor_at_terminal().subject, seconds=options["seconds"], say=self.say)
