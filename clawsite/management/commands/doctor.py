"""`manage.py doctor`: what is wrong with this installation and what to do about it."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from clawsite.management.base import OperatorCommand
from clawsite.ops.doctor import Finding, Level, examine, mend

SIGNS = {Level.FINE: "ok", Level.NOTE: "note", Level.WARN: "warning", Level.BAD: "problem"}
# 1 and 2 are those of an error and of wrong options, as with every command.
PROBLEMS, WARNINGS = 1, 3


class Command(OperatorCommand):
    """Looks at everything. Exit codes: 0 nothing to do, 1 problems, 2 wrong options, 3 warnings only."""

    help = "Look for what commonly goes wrong and say what to do. Exit codes: 0 fine, 1 problems, 3 warnings only."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--fix", action="store_true", help="mend what can be mended without losing anything")
        parser.add_argument("--json", action="store_true", help="write JSON")
        parser.add_argument("--offline", action="store_true", help="ask nobody outside of this machine")

    def work(self, options: dict[str, Any]) -> None:
        """Examine, mend where wanted, and tell."""
        found = examine(online=not options["offline"])
        if options["fix"]:
            found = [mend(each) for each in found]
        if options["json"]:
            self.say_json([each.to_json() for each in found])
        else:
            self._tell(found)
        if code := exit_code(found):
            sys.exit(code)

    def _tell(self, found: list[Finding]) -> None:
        for each in found:
            self.say_table([f"{SIGNS[each.level]:8} {each.area:10} {each.text}"], [])
            if each.advice:
                self.say_table([f"{'':19} -> {each.advice}"], [])
        if any(each.fix is not None for each in found):
            self.say("manage.py doctor --fix mends what can be mended without losing anything.")
        worst = {level: sum(each.level is level for each in found) for level in Level}
        self.say(f"Problems: {worst[Level.BAD]}, warnings: {worst[Level.WARN]}, fine: {worst[Level.FINE]}.")


def exit_code(found: list[Finding]) -> int:
    """Return how a program is told of the worst."""
    levels = {each.level for each in found}
    return PROBLEMS if Level.BAD in levels else WARNINGS if Level.WARN in levels else 0
