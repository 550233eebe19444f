"""`manage.py onboard`: from an empty installation to a bot that answers, one question at a time."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command

from clawsite.management.address import page_address
from clawsite.management.base import OperatorCommand
from clawsite.management.onboarding import account, model, place, service, telegram
from clawsite.management.onboarding.step import Wizard
from clawsite.management.person import actor_at_terminal
from clawsite.ops.prepare import has_unapplied_migrations
from sessions_app.channels import TELEGRAM

STEPS = (telegram.run, model.run, account.run, place.run, service.run)


class Command(OperatorCommand):
    """A wizard that may be run again at any time."""

    help = "Set up channels, model, first admin, language and service. Asks what is not given; may be repeated."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare what may be given instead of being asked for."""
        option = parser.add_argument
        option("--yes", action="store_true", help="ask nothing: do what the options say, skip the rest")
        option("--telegram-token-file", metavar="PATH", help="a file with the bot token")
        option("--telegram-name", metavar="NAME", default=TELEGRAM, help="name of the channel (%(default)s)")
        option("--telegram-api-url", metavar="URL", help="root of the Bot API, if it is not Telegram's own")
        option("--telegram-admin", metavar="ID", help="your own Telegram id, approved as admin")
        option("--model-key-file", metavar="PATH", help="a file with the API key of the model")
        option("--model-url", metavar="URL", help="a model server of your own that speaks Anthropic's API")
        option("--model", metavar="NAME", help="the model to try (the first of CLAW_MODELS)")
        option("--admin-name", metavar="NAME", help="name of the first admin")
        option("--admin-password-file", metavar="PATH", help="a file with the first admin's password")
        option("--language", metavar="CODE", help="language of new conversations")
        option("--time-zone", metavar="NAME", help="time zone of new conversations")
        option("--install-service", nargs="?", const="user", choices=("user", "system"), help="write a systemd unit")

    def work(self, options: dict[str, Any]) -> None:
        """Take one step after the other; what was done stays done when a later one fails."""
        if has_unapplied_migrations():
            self.say("Setting up the database.")
            call_command("migrate", interactive=False, verbosity=0)
        wizard = Wizard(options=options, say=self.say, actor=actor_at_terminal())
        for step in STEPS:
            step(wizard)
        start = "" if options["install_service"] else "Start everything with ./run. "
        self.say(f"\nDone. {start}The chat is at {page_address()}/chat/, the admin at {page_address()}/admin/.")
