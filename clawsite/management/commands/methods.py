"""`manage.py methods`: write the reference of the gateway's methods."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from clawsite.gateway.reference import PATH, write_reference


class Command(BaseCommand):
    """Writes METHODS.md beside the gateway."""

    help = "Write clawsite/gateway/METHODS.md from the registry of methods."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file and say where it is."""
        PATH.write_text(write_reference(), encoding="utf-8")
        self.stdout.write(f"{PATH} is written.")
