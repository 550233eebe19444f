"""`manage.py channel`: the accounts the bot speaks through. A token is typed unseen or read from a file."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from bots.channels.base import Account
from bots.channels.registry import ADAPTERS
from bots.probe import probe_account, probe_channel
from clawsite.core.errors import BadInput
from clawsite.management.asking import agree, ask_secret, read_secret_file
from clawsite.management.base import Subcommands
from clawsite.management.person import actor_at_terminal
from sessions_app.accounts import MODES, check_name, check_token, create_channel, make_config, remove_channel
from sessions_app.channels import BUILT_IN, TELEGRAM
from sessions_app.models import Channel

ADDED = tuple(kind for kind in ADAPTERS if kind not in BUILT_IN)


class Command(Subcommands):
    """Adds, lists, tests and removes channels."""

    help = "Add, list, test or remove the accounts that the bot speaks through."

    def verbs(self) -> Any:
        """The subcommands."""
        return {
            "add": ("add an account", _adding, self.add),
            "list": ("show all accounts", _listing, self.list),
            "test": ("ask the platform whether an account works", _named, self.test),
            "remove": ("remove an account with its people and conversations", _removing, self.remove),
        }

    def add(self, options: dict[str, Any]) -> None:
        """Add a channel; its account is tried first, unless that is not wanted."""
        kind, name = options["kind"], check_name(options["name"])
        if Channel.objects.filter(name=name).exists():
            raise BadInput(f"There is a channel {name} already. Remove it first, or choose another name.")
        config = make_config(kind, mode=options["mode"] or "", api_url=options["api_url"] or "")
        path = options["token_file"]
        token = (
            check_token(kind, read_secret_file(path) if path else ask_secret("Bot token")) if kind == TELEGRAM else ""
        )
        identity: dict[str, Any] = {}
        if not options["no_test"]:
            found = probe_account(kind, Account(channel_id=0, name=name, token=token, config=config))
            identity = dict(found.data)
            self.say(found.sentence)
        create_channel(
            kind, name=name, actor=actor_at_terminal(), token=token, config=config, identity=identity,
            enabled=not options["off"], access=options["access"],
        )  # fmt: skip
        self.say(
            f"Channel {name} is added" + (", switched off." if options["off"] else "; running bots use it at once.")
        )

    def list(self, options: dict[str, Any]) -> None:
        """Show all channels, without secrets."""
        found = [_describe(row) for row in Channel.objects.defer("token", "webhook_secret").order_by("name")]
        if options["json"]:
            self.say_json(found)
        elif not found:
            self.say("There is no channel yet. Add one with: manage.py channel add telegram NAME")
        else:
            cells = [[str(row[key] or "-") for key in ("name", "kind", "state", "bot", "error")] for row in found]
            self.say_table(["NAME", "KIND", "STATE", "BOT", "LAST ERROR"], cells)

    def test(self, options: dict[str, Any]) -> None:
        """Ask the platform who the account is."""
        self.say(probe_channel(_find(options["name"])).sentence)

    def remove(self, options: dict[str, Any]) -> None:
        """Remove a channel after a question."""
        channel = _find(options["name"])
        count = channel.sessions.count()
        if not options["yes"] and not agree(f"Remove {channel} with its conversations ({count}), for good?"):
            raise CommandError("Nothing was removed.")
        remove_channel(channel, actor=actor_at_terminal())
        self.say(f"Channel {options['name']} is removed, with its conversations ({count}).")


def _named(parser: ArgumentParser) -> None:
    parser.add_argument("name", help="the channel's name")


def _listing(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="write JSON")


def _removing(parser: ArgumentParser) -> None:
    _named(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _adding(parser: ArgumentParser) -> None:
    parser.add_argument("kind", choices=ADDED, help="the kind of account")
    _named(parser)
    parser.add_argument("--token-file", metavar="PATH", help='a file with the token; "-" is the standard input')
    parser.add_argument("--mode", choices=MODES, help="how updates come (as TELEGRAM_MODE says)")
    parser.add_argument("--api-url", metavar="URL", help="the root of the API (as TELEGRAM_API_URL says)")
    parser.add_argument(
        "--access",
        choices=Channel.Access.values,
        default=Channel.Access.PAIRING.value,
        help="what happens to strangers (%(default)s)",
    )
    parser.add_argument("--off", action="store_true", help="add it switched off")
    parser.add_argument("--no-test", action="store_true", help="do not ask the platform first")


def _find(name: str) -> Channel:
    channel = Channel.objects.filter(name=name).first()
    if channel is None:
        known = ", ".join(Channel.objects.order_by("name").values_list("name", flat=True)) or "none"
        raise BadInput(f"There is no channel {name!r}. Channels: {known}.")
    return channel


def _describe(row: Channel) -> dict[str, Any]:
    blocked = row.blocked_until is not None and row.blocked_until > timezone.now()
    return {
        "name": row.name,
        "kind": row.kind,
        "state": "off" if not row.enabled else "told to wait" if blocked else "on",
        "access": row.access,
        "bot": str(row.identity.get("username", "")),
        "mode": str(row.config.get("mode", "")),
        "last_poll_at": row.last_poll_at.isoformat(timespec="seconds") if row.last_poll_at else None,
        "error": row.last_error,
    }
