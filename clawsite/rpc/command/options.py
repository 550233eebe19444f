"""What may be said on the command line, and the target that follows from it."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from clawsite.rpc.errors import BadTarget
from clawsite.rpc.target import GatewayTarget, TlsOptions
from clawsite.rpc.tokens import TokenRef

DESCRIPTION = "Call a method of a gateway and show its answer. Without METHOD, calls are read line by line."
EPILOG = """\
examples:
  {prog} health
  {prog} jobs.create '{{"kind": "selftest"}}' --watch
  {prog} --watch 5d41402abc4b4a76b9719d911017c592 --after 120
  {prog} --url wss://gw.example.org --token-file ~/gw.token sessions.list --json

exit codes:
  0  done                              3  no connection to the gateway
  1  the gateway answered with an      4  the gateway refused the connection
     error, or the job did not succeed    (wrong token, pairing, version)
  2  wrong options                     5  no answer in time
"""
FROM_INPUT, FROM_FILE = "-", "@"


@dataclass(frozen=True, kw_only=True, slots=True)
class Defaults:
    """What holds where the command line says nothing.

    auth_words: where the token comes from then. auth_hint: how to get one, for who has none.
    """

    url: str = "ws://127.0.0.1:18789"
    token_ref: TokenRef | None = None
    auth_words: str = "none"
    auth_hint: str = "Give one with --token-file or --token-env."
    history: Path | None = None


def make_parser(prog: str, defaults: Defaults) -> ArgumentParser:
    """Return the parser of the command."""
    parser = ArgumentParser(
        prog=prog,
        description=DESCRIPTION,
        epilog=EPILOG.format(prog=prog),
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("method", nargs="?", metavar="METHOD", help="name of the method, such as health")
    parser.add_argument(
        "params", nargs="?", metavar="JSON", help="its parameters: an object, @FILE, or - for the standard input"
    )
    parser.add_argument(
        "--watch",
        nargs="?",
        const="",
        metavar="JOB",
        help="show the events of a job to its end; after METHOD, those of the job in the answer",
    )
    parser.add_argument("--after", type=_number, default=0, metavar="SEQ", help="with --watch: events after this one")
    parser.add_argument("--timeout", type=_seconds, metavar="SECONDS", help="how long to wait (depends on the method)")
    parser.add_argument("--final", action="store_true", help="wait for the second answer of methods that give two")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="one line of JSON for each answer and event")
    shape.add_argument("--raw", action="store_true", help="every frame as it comes over the wire")
    _add_connection(parser, defaults)
    return parser


def _add_connection(parser: ArgumentParser, defaults: Defaults) -> None:
    group = parser.add_argument_group("connection")
    group.add_argument("--url", default=defaults.url, help="address of the gateway (%(default)s)")
    token = group.add_mutually_exclusive_group()
    token.add_argument(
        "--token-file", metavar="FILE", help=f"file that holds the token (default: {defaults.auth_words})"
    )
    token.add_argument("--token-env", metavar="NAME", help="environment variable that holds the token")
    group.add_argument("--ca", metavar="FILE", help="trust this certificate authority alone")
    group.add_argument("--cert", metavar="FILE", help="client certificate to show")
    group.add_argument("--key", metavar="FILE", help="its private key")
    group.add_argument("--proxy", default="", metavar="URL", help='HTTP proxy, or "direct" (default: the environment)')
    group.add_argument("--allow-plain", action="store_true", help="allow ws:// to a public address")


def make_target(options: Namespace, defaults: Defaults) -> GatewayTarget:
    """Return the gateway that is meant; BadTarget when it cannot be."""
    if options.key and not options.cert:
        raise BadTarget("--key needs --cert.")
    ref: TokenRef | None = defaults.token_ref
    if options.token_file:
        ref = f"file:{options.token_file}"
    elif options.token_env:
        ref = f"env:{options.token_env}"
    return GatewayTarget(
        id=options.url,
        ws_url=options.url,
        token_ref=ref,
        tls=TlsOptions(ca_file=options.ca, cert_file=options.cert, key_file=options.key),
        proxy=options.proxy,
        allow_plain=options.allow_plain,
    )


def read_params(text: str | None) -> dict[str, Any]:
    """Return the parameters; ValueError says what is wrong with them."""
    if text is None:
        return {}
    if text == FROM_INPUT:
        text = sys.stdin.read()
    elif text.startswith(FROM_FILE):
        try:
            text = Path(text[1:]).expanduser().read_text(encoding="utf-8")
        except OSError as error:
            raise ValueError(f"{text[1:]} cannot be read: {error.strerror}") from None
    try:
        params = json.loads(text, parse_constant=_no_number)
        msgspec.json.encode(params)
    except UnicodeEncodeError:
        raise ValueError("the parameters hold half of a character") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the parameters are not JSON: {error}") from None
    if not isinstance(params, dict):
        raise ValueError('the parameters must be an object, such as {"limit": 5}')
    return params


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


def _number(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError("must be a whole number")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise ArgumentTypeError("must be a number of seconds")
    return seconds
