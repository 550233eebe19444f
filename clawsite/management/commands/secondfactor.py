"""`manage.py secondfactor`: who has a second factor, and taking it from somebody who lost phone and recovery codes."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from clawsite.core.errors import BadInput
from clawsite.core.models import User
from clawsite.management.base import Subcommands
from clawsite.management.person import actor_at_terminal
from clawsite.web.second_factor.factor import count_codes, has_factor, remove_factor


class Command(Subcommands):
    """Lists and resets."""

    help = "Show who logs in with a second factor, or reset it for one account."

    def verbs(self) -> Any:
        """The subcommands."""
        return {
            "list": ("show the accounts and their second factor", _nothing, self.list),
            "reset": ("let the password alone open an account again", _name, self.reset),
        }

    def list(self, options: dict[str, Any]) -> None:
        """Show every account that may enter the admin pages."""
        users = User.objects.filter(is_staff=True).order_by("username")
        rows = [[user.username, "on" if has_factor(user) else "off", str(count_codes(user))] for user in users]
        self.say_table(["ACCOUNT", "SECOND FACTOR", "RECOVERY CODES"], rows)

    def reset(self, options: dict[str, Any]) -> None:
        """Take the second factor of an account away and end its sessions."""
        user = User.objects.filter(username=options["name"]).first()
        if user is None:
            raise BadInput("There is no account of this name.")
        if not remove_factor(user, actor=actor_at_terminal().subject):
            raise BadInput("This account has no second factor.")
        self.say(f"Done: the password alone opens {user.username} again. All its sessions have ended.")


def _nothing(parser: ArgumentParser) -> None:
    """No options."""


def _name(parser: ArgumentParser) -> None:
    parser.add_argument("name", help="the account's name")
