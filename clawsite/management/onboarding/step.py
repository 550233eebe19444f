"""What every step of the wizard is given: the options, a way to speak, and whether somebody answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.core.management.base import CommandError

from clawsite.core.errors import ClawError
from clawsite.management.asking import agree, ask, ask_secret, read_secret_file
from guardrails.types import Actor

T = TypeVar("T")
TRIES = 3


@dataclass(kw_only=True)
class Wizard:
    """One run. `lines` collects settings that belong into the environment."""

    options: Mapping[str, Any]
    say: Callable[[str], None]
    actor: Actor
    lines: dict[str, str] = field(default_factory=dict)

    @property
    def interactive(self) -> bool:
        """Whether questions may be asked."""
        return not self.options["yes"]

    def head(self, title: str) -> None:
        """Begin a step."""
        self.say(f"\n== {title}")

    def value(self, option: str, question: str, *, default: str = "") -> str:
        """Return an option, else what is answered; with --yes and no option, the default."""
        given = self.options[option]
        if given is not None:
            return str(given).strip()
        return ask(question, default=default) if self.interactive else default

    def secret(self, option: str, question: str) -> str:
        """Return the secret in the file that an option names, else what is typed unseen; "" with --yes."""
        path = self.options[option]
        if path:
            return read_secret_file(path)
        return ask_secret(question) if self.interactive else ""

    def agree(self, question: str, *, default: bool) -> bool:
        """Return the answer; with --yes it is yes."""
        return agree(question, default=default) if self.interactive else True

    def attempt(self, option: str, question: str, use: Callable[[str], T]) -> T | None:
        """Use a secret, asking again when it does not work; None when none is given. Files are tried once."""
        for left in reversed(range(TRIES)):
            secret = self.secret(option, question)
            if not secret:
                return None
            try:
                return use(secret)
            except ClawError as error:
                if self.options[option] or not self.interactive:
                    raise
                self.say(error.message)
                if left:
                    self.say("Try again, or press Enter to go on without.")
        raise CommandError("That was the third try. Nothing of this step was stored; run onboard again.")
