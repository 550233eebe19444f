"""`manage.py supportbundle`: a file for whoever helps, without secrets and without conversations."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from clawsite.management.base import OperatorCommand
from clawsite.management.person import actor_at_terminal
from clawsite.ops.bundle import default_name, write_bundle


class Command(OperatorCommand):
    """Writes the bundle and says what is in it, so that it can be looked at before it is given away."""

    help = "Write a file for whoever helps: versions, settings, health, errors and logs, without any secret."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the option."""
        parser.add_argument("--to", default="", help="a file or a folder to write to (a file named by the time, here)")

    def work(self, options: dict[str, Any]) -> None:
        """Write and tell."""
        path = Path(options["to"]).expanduser()
        path = path / default_name() if path.is_dir() else path
        sizes = write_bundle(path, actor=actor_at_terminal())
        self.say_table(["PART", "BYTES"], [[name, str(size)] for name, size in sizes.items()])
        self.say(f"{path} is written. Look into it before you give it away: tar xzf {path}")
