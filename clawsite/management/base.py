"""What the operators' commands share: subcommands, errors as one sentence, tables and JSON."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from clawsite.core.dbtrouble import explain, is_trouble
from clawsite.core.errors import ClawError


class OperatorCommand(BaseCommand):
    """A command whose errors are sentences. Exit codes: 0 done, 1 not done, 2 wrong options."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what was asked for; a known error ends with its sentence and 1."""
        try:
            self.work(options)
        except ClawError as error:
            raise CommandError(error.message) from None
        except DatabaseError as error:
            if not is_trouble(error):
                raise
            raise CommandError(explain(error)) from None
        except OSError as error:
            if error.filename is None:  # nothing that was named on the command line
                raise
            raise CommandError(f"{error.filename} cannot be used: {error.strerror}.") from None
        except KeyboardInterrupt:
            raise CommandError("Stopped. What was already said to be done is done.", returncode=130) from None

    def work(self, options: dict[str, Any]) -> None:
        """Do what was asked for."""
        raise NotImplementedError

    def say(self, text: str) -> None:
        """Write a line for a person."""
        self.stdout.write(text)

    def say_json(self, value: object) -> None:
        """Write a value for a program."""
        self.stdout.write(json.dumps(value, indent=2, ensure_ascii=False))

    def say_table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write rows in columns; what comes from outside loses its control characters."""
        lines = [list(heads), *([_printable(cell) for cell in row] for row in rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
        for line in lines:
            self.say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _printable(text: str) -> str:
    """A name from a chat must not move the terminal's cursor."""
    return "".join(char if char.isprintable() else "?" for char in text)


class Subcommands(OperatorCommand):
    """A command of the form `channel add ...`."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the subcommands."""
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="|".join(self.verbs()))
        for name, (text, declare, _) in self.verbs().items():
            declare(verbs.add_parser(name, help=text, description=text))

    def verbs(self) -> dict[str, tuple[str, Callable[[ArgumentParser], None], Callable[[dict[str, Any]], None]]]:
        """Return help, options and function of each subcommand by its name."""
        raise NotImplementedError

    def work(self, options: dict[str, Any]) -> None:
        """Run the subcommand."""
        self.verbs()[options["verb"]][2](options)
