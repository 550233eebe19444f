"""`manage.py worker`: the worker role alone, for set-ups where something else supervises."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from clawsite.management.roles import serve_worker


class Command(BaseCommand):
    """Works off the queue until it is told to stop."""

    help = "Run queued and periodic tasks."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the role."""
        sys.exit(serve_worker())
