"""`manage.py web`: the web role alone, for set-ups where something else supervises."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from clawsite.core.errors import NotConfigured
from clawsite.management.roles import serve_web


class Command(BaseCommand):
    """Serves pages, webhooks and WebSockets until it is told to stop."""

    help = "Serve pages, webhooks and WebSockets on CLAW_HOST and CLAW_PORT."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the role."""
        try:
            code = serve_web()
        except NotConfigured as error:
            raise CommandError(error.message) from None
        sys.exit(code)
