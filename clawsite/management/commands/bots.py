"""`manage.py bots`: the bots role alone, for set-ups where something else supervises."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from clawsite.management.roles import serve_bots


class Command(BaseCommand):
    """Talks on all channels until it is told to stop."""

    help = "Poll and answer on all channels."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the role."""
        sys.exit(serve_bots())
