"""`manage.py pair`: who asks to be let in, and the answer: people who write to the bot, and devices of the gateway."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from clawsite.gateway.pairing import approve_device, deny_device, find_request
from clawsite.management.base import Subcommands
from clawsite.management.person import actor_at_terminal
from clawsite.models import GatewayDevice
from sessions_app.contacts import approve_pairing, deny_pairing
from sessions_app.models import Contact, Pairing

MOST = 500


class Command(Subcommands):
    """Lists and decides pairing codes."""

    help = "List, approve or deny the pairing codes of people and devices that nobody knows yet."

    def verbs(self) -> Any:
        """The subcommands."""
        return {
            "list": ("show the codes that wait for an answer", _json, self.list),
            "approve": ("let the person or device behind a code in", _code_and_role, self.approve),
            "deny": ("block the person or device behind a code", _code, self.deny),
        }

    def list(self, options: dict[str, Any]) -> None:
        """Show open codes, people first, oldest first."""
        rows = Pairing.objects.filter(decided_at=None, expires_at__gt=timezone.now())
        found = [_describe(row) for row in rows.select_related("contact__channel").order_by("pk")[:MOST]]
        found += [_describe_device(row) for row in GatewayDevice.objects.waiting().order_by("pk")[:MOST]]
        if options["json"]:
            self.say_json(found)
        elif not found:
            self.say("Nobody waits. A person whom the bot does not know gets a code when they write to it.")
        else:
            cells = [[row["code"], row["name"], row["channel"], f"{row['minutes_left']} min"] for row in found]
            self.say_table(["CODE", "NAME", "CHANNEL", "VALID FOR"], cells)

    def approve(self, options: dict[str, Any]) -> None:
        """Let a person or a device in."""
        if find_request(options["code"]) is not None:
            device = approve_device(options["code"], actor=actor_at_terminal())
            self.say(f"Approved: the device {_name(device)} may call the gateway with a token.")
            return
        contact = approve_pairing(options["code"], actor=actor_at_terminal(), role=options["role"])
        self.say(f"Approved: {_name(contact)} may talk to the bot as {contact.role}.")

    def deny(self, options: dict[str, Any]) -> None:
        """Shut a person or a device out."""
        if find_request(options["code"]) is not None:
            device = deny_device(options["code"], actor=actor_at_terminal())
            self.say(f"Denied: the device {_name(device)} gets nothing new.")
            return
        contact = deny_pairing(options["code"], actor=actor_at_terminal())
        self.say(f"Denied: {_name(contact)} is blocked.")


def _json(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="write JSON")


def _code(parser: ArgumentParser) -> None:
    parser.add_argument("code", help="the code that the person or device was shown")


def _code_and_role(parser: ArgumentParser) -> None:
    _code(parser)
    roles = Contact.RoleChoice.values
    parser.add_argument("--role", choices=roles, default=roles[0], help="what a person may do (%(default)s)")


def _describe(row: Pairing) -> dict[str, Any]:
    left = (row.expires_at - timezone.now()).total_seconds()
    return {
        "code": row.shown,
        "name": str(row.contact),
        "username": row.contact.username,
        "channel": row.contact.channel.name,
        "external_id": row.contact.external_id,
        "asked_at": row.created_at.isoformat(timespec="seconds"),
        "minutes_left": max(0, round(left / 60)),
    }


def _describe_device(row: GatewayDevice) -> dict[str, Any]:
    ends = row.expires_at or timezone.now()
    return {
        "code": row.shown,
        "name": str(row),
        "username": "",
        "channel": "gateway",
        "external_id": row.device_id,
        "asked_at": row.seen_at.isoformat(timespec="seconds"),
        "minutes_left": max(0, round((ends - timezone.now()).total_seconds() / 60)),
        "scopes": row.requested_scopes,
    }


def _name(row: Contact | GatewayDevice) -> str:
    return "".join(char for char in str(row) if char.isprintable())
