"""`manage.py token`: who may call the gateway. A secret is shown once, when it is made."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from clawsite.core.errors import BadInput
from clawsite.core.models import User
from clawsite.gateway.principal import Scope
from clawsite.gateway.tokens import (
    create_token,
    describe_token,
    expires_after,
    list_tokens,
    parse_span,
    revoke_token,
    rotate_token,
)
from clawsite.management.base import Subcommands
from clawsite.management.person import actor_at_terminal
from clawsite.models import GatewayToken

DEFAULT_SCOPES = "read"
ALL = "all"


class Command(Subcommands):
    """Makes, lists, revokes and rotates the tokens of the gateway."""

    help = "Make, list, revoke or rotate the tokens with which programs call the gateway."

    def verbs(self) -> Any:
        """The subcommands."""
        return {
            "create": ("make a token; its secret is shown once", _creating, self.create),
            "list": ("show all tokens, without secrets", _listing, self.list),
            "revoke": ("end a token and close its connections at once", _chosen, self.revoke),
            "rotate": ("make a successor; the old token works on for a while", _rotating, self.rotate),
        }

    def create(self, options: dict[str, Any]) -> None:
        """Make a token."""
        names = options["scopes"].split(",")
        token, secret = create_token(
            options["name"],
            scopes=list(Scope) if ALL in names else [name.strip() for name in names],
            actor=actor_at_terminal().subject,
            user_id=_find_user(options["user"]),
            expires_at=expires_after(options["expires"]),
        )
        self._show(token, secret, options)

    def list(self, options: dict[str, Any]) -> None:
        """Show the tokens, newest first; of those that have ended the last ones."""
        found = [describe_token(token) for token in list_tokens()]
        if options["json"]:
            self.say_json(found)
        elif not found:
            self.say("There is no token yet. Make one with: manage.py token create NAME")
        else:
            heads = ["ID", "NAME", "PREFIX", "STATE", "SCOPES"]
            self.say_table(heads, [_cells(row) for row in found])

    def revoke(self, options: dict[str, Any]) -> None:
        """End a token."""
        token = _find(options["token"])
        revoke_token(token, actor=actor_at_terminal().subject)
        self.say(f"Token {token} is revoked. Its connections are closed.")

    def rotate(self, options: dict[str, Any]) -> None:
        """Make a successor."""
        old = _find(options["token"])
        overlap = parse_span(options["overlap"])
        token, secret = rotate_token(old, actor=actor_at_terminal().subject, overlap=overlap)
        self._show(token, secret, options)
        if not options["json"]:
            self.say(f"The old one, {old.prefix}, works for another {options['overlap']}.")

    def _show(self, token: GatewayToken, secret: str, options: dict[str, Any]) -> None:
        if options["json"]:
            self.say_json({"token": describe_token(token), "secret": secret})
            return
        self.say(f"Token {token.name} ({', '.join(scope.removeprefix('operator.') for scope in token.scopes)}):")
        self.say(secret)
        self.say("Keep it now: it is not shown again.")


def _creating(parser: ArgumentParser) -> None:
    parser.add_argument("name", help="what the token is for")
    known = ",".join(str(scope).removeprefix("operator.") for scope in Scope)
    parser.add_argument("--scopes", default=DEFAULT_SCOPES, help=f"of {known}, or all (%(default)s)")
    parser.add_argument("--expires", default="", metavar="SPAN", help="such as 12h or 30d (never)")
    parser.add_argument("--user", default="", metavar="NAME", help="the account whose sessions and jobs it shares")
    _listing(parser)


def _listing(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="write JSON")


def _chosen(parser: ArgumentParser) -> None:
    parser.add_argument("token", help="its number, its prefix, or its name when only one is called that")


def _rotating(parser: ArgumentParser) -> None:
    _chosen(parser)
    parser.add_argument("--overlap", default="24h", metavar="SPAN", help="how long the old one works (%(default)s)")
    _listing(parser)


def _find_user(name: str) -> int | None:
    if not name:
        return None
    user = User.objects.filter(username=name, is_active=True).first()
    if user is None:
        raise BadInput(f"There is no active account {name}.")
    return user.pk


def _find(text: str) -> GatewayToken:
    """Return the token that is meant; a secret pasted by mistake is recognised by its prefix."""
    rows = GatewayToken.objects.all()
    if text.isdecimal() and len(text) < 19:
        found = list(rows.filter(pk=int(text)))
    elif text.startswith("claw_"):
        found = list(rows.filter(prefix=text[:13]))
    else:
        found = list(rows.filter(name=text, revoked_at=None, replaced_by=None)[:2])
    if len(found) != 1:
        raise BadInput("There is no such token, or several are called that. See: manage.py token list")
    return found[0]


def _cells(row: dict[str, Any]) -> list[str]:
    scopes = ",".join(scope.removeprefix("operator.") for scope in row["scopes"])
    return [str(row["id"]), row["name"], row["prefix"], row["state"], scopes]
