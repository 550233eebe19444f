"""`manage.py web`: the web role alone, for set-ups where something else supervises."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from clawsite.management.roles import serve_web


class Command(BaseCommand):
    """Serves pages, webhooks and WebSockets until it is told to stop."""

    help = "Serve pages, webhooks and WebSockets on CLAW_HOST and CLAW_PORT."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the role."""
        sys.exit(serve_web())
