"""`manage.py rpc`: calls methods of this or another gateway. Needs settings, and neither the database nor the apps."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from clawsite.rpc.command.options import Defaults, make_parser
from clawsite.rpc.command.run import main

TOKEN_FILE = "gateway.token"  # noqa: S105 - the name of a file


class Command(BaseCommand):
    """The command of clawsite.rpc with the defaults of this installation."""

    help = "Call a method of a gateway and show its answer."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        """Return the command's own parser: Django's options have no meaning here."""
        return _parser(prog_name, subcommand)

    def run_from_argv(self, argv: list[str]) -> None:
        """Run it and exit."""
        sys.exit(main(argv[2:], prog=_prog(argv[0], argv[1]), defaults=_defaults()))


def _parser(prog_name: str, subcommand: str) -> ArgumentParser:
    return make_parser(_prog(prog_name, subcommand), _defaults())


def _prog(program: str, subcommand: str) -> str:
    return f"{Path(program).name} {subcommand}"


def _defaults() -> Defaults:
    """Return where this installation listens, and the token it was given: its setting, else a file."""
    host = "127.0.0.1" if settings.CLAW_HOST in ("", "0.0.0.0", "::") else settings.CLAW_HOST  # noqa: S104
    scheme = "wss" if settings.CLAW_TLS_CERT else "ws"
    file = settings.CLAW_HOME / TOKEN_FILE
    token_ref: Any = None
    if settings.CLAW_GATEWAY_TOKEN:
        token_ref = lambda: str(settings.CLAW_GATEWAY_TOKEN)  # noqa: E731
    elif file.is_file():
        token_ref = f"file:{file}"
    return Defaults(
        url=f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.CLAW_PORT}",
        token_ref=token_ref,
        auth_words=f"CLAW_GATEWAY_TOKEN, else {TOKEN_FILE} in CLAW_HOME",
        auth_hint="Make a token with: manage.py token create NAME. Give it with --token-file.",
        history=settings.CLAW_HOME / "rpc_history",
    )
