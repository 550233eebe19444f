"""What can be wrong with a gateway's row: a sentence for each field. Pure functions; nothing is connected to."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from django.conf import settings

from clawsite.rpc.errors import BadTarget
from clawsite.rpc.target import GatewayTarget as Target

# The topic by which the dispatcher hears that there is something to do.
NUDGE = "dispatch"
MOST_CAPACITY = 1000
MOST_ENTRIES, MOST_CHARS = 100, 200
# A reference makes us read something and send it to an address, so it cannot name just anything.
ENVIRONMENT_PREFIX = "GATEWAY_TOKEN_"
_ENVIRONMENT = re.compile(rf"env:{ENVIRONMENT_PREFIX}[A-Z0-9_]+")
# So that one can be told from other text, and stands in JSON as it is.
_TOKEN = re.compile(r"[!#-\[\]-~]{8,500}")
KIND = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Fields(Protocol):
    """The fields of a row that people fill in."""

    name: str
    ws_url: str
    http_url: str
    token: str
    token_ref: str
    allowed_repos: list[str]
    labels: list[str]
    kinds: list[str]
    capacity: int
    allow_plain: bool
    ca_file: str
    cert_file: str
    key_file: str


def find_mistakes(row: Fields) -> dict[str, str]:
    """Return what is wrong, by field; {} when the row can be used."""
    checks: dict[str, Callable[[Fields], str]] = {
        "name": _name,
        "ws_url": _ws_url,
        "http_url": _http_url,
        "token": _token,
        "token_ref": _token_ref,
        "allowed_repos": lambda row: _entries(row.allowed_repos),
        "labels": lambda row: _entries(row.labels),
        "kinds": _kinds,
        "capacity": _capacity,
        "ca_file": lambda row: _file(row, row.ca_file),
        "cert_file": _cert_file,
        "key_file": lambda row: _file(row, row.key_file),
    }
    found = {field: check(row) for field, check in checks.items()}
    return {field: sentence for field, sentence in found.items() if sentence}


def token_folders() -> tuple[Path, ...]:
    """Return where token files may lie."""
    return Path("/run/secrets"), settings.CLAW_HOME / "tokens"


def _name(row: Fields) -> str:
    fits = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", row.name)
    return "" if fits else "A name is made of letters, digits, dashes and underscores, 64 at most."


def _ws_url(row: Fields) -> str:
    try:
        Target(id="it", ws_url=row.ws_url, allow_plain=row.allow_plain)
    except BadTarget as error:
        return str(error).removeprefix("Target it: ").capitalize()
    return "" if row.ws_url.isprintable() and " " not in row.ws_url else "The address must hold no spaces."


def _http_url(row: Fields) -> str:
    if not row.http_url:
        return ""
    try:
        url = urlsplit(row.http_url)
        fits = url.scheme in ("http", "https") and bool(url.hostname) and not url.username and not url.password
    except ValueError:
        fits = False
    return "" if fits else "The address of the pages must look like https://host, without user and password."


def _token(row: Fields) -> str:
    fits = not row.token or _TOKEN.fullmatch(row.token)
    return "" if fits else "A token has 8 to 500 visible characters, without spaces, quotes and backslashes."


def _token_ref(row: Fields) -> str:
    ref = row.token_ref
    if not ref:
        return ""
    if row.token:
        return "Enter a token or a reference to one, not both."
    if _ENVIRONMENT.fullmatch(ref):
        return ""
    if ref.startswith("file:"):
        path = Path(ref.removeprefix("file:"))
        if path.is_absolute() and any(path.resolve().is_relative_to(folder.resolve()) for folder in token_folders()):
            return ""
        return f"A token file lies in {' or in '.join(map(str, token_folders()))}."
    return f"A reference is env:{ENVIRONMENT_PREFIX}… or file:/path; a token itself does not belong here."


def _entries(values: object) -> str:
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        return "This must be a list of texts."
    if len(values) > MOST_ENTRIES or any(not 0 < len(each) <= MOST_CHARS for each in values):
        return f"There can be {MOST_ENTRIES} entries of at most {MOST_CHARS} characters each, none of them empty."
    fine = all(each.isprintable() and each == each.strip() for each in values)
    return "" if fine else "The entries must hold nothing but visible characters."


def _kinds(row: Fields) -> str:
    problem = _entries(row.kinds)
    wrong = next((each for each in row.kinds if not KIND.fullmatch(each)), "") if not problem else ""
    return f"{wrong} cannot be the name of a kind of job." if wrong else problem


def _capacity(row: Fields) -> str:
    fits = 1 <= row.capacity <= MOST_CAPACITY
    return "" if fits else f"The capacity is a number from 1 to {MOST_CAPACITY}."


def _cert_file(row: Fields) -> str:
    if bool(row.cert_file) != bool(row.key_file):
        return "A certificate of ours needs its key, and a key its certificate."
    return _file(row, row.cert_file)


def _file(row: Fields, name: str) -> str:
    if not name:
        return ""
    if not row.ws_url.startswith("wss:"):
        return "Certificates are used with wss:// addresses only."
    return "" if Path(name).is_absolute() and Path(name).is_file() else "There is no such file on this machine."
