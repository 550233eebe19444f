"""`manage.py rotatekeys`: encrypt all stored secrets with a fresh key."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from clawsite.core.rotation import add_key, drop_old_keys, encrypt_anew
from clawsite.management.base import OperatorCommand


class Command(OperatorCommand):
    """Adds a key and encrypts everything anew; old keys stay until they are dropped, so nothing stops working."""

    help = "Encrypt all stored secrets with a fresh key; --drop-old forgets the old ones."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--drop-old", action="store_true", help="only forget all keys but the current one")

    def work(self, options: dict[str, Any]) -> None:
        """Rotate, or drop."""
        if settings.CLAW_ENCRYPTION_KEYS:
            raise CommandError("The keys come from CLAW_ENCRYPTION_KEYS: put a new one in front there instead.")
        path, actor = settings.CLAW_KEY_FILE, f"cli:{getpass.getuser()}"
        if options["drop_old"]:
            self.stdout.write(f"Old keys dropped: {drop_old_keys(path, actor=actor)}.")
            return
        count = encrypt_anew(add_key(path), actor=actor)
        self.stdout.write(f"Secrets encrypted with a fresh key: {count}. Running processes use it already.")
        self.stdout.write("Old keys stay for old backups; manage.py rotatekeys --drop-old forgets them.")
