"""System checks of what a person can set wrong in the environment: each says what to write instead.

E003 TELEGRAM_MODE, E004 webhook without https address, E005 malformed webhook secret (a missing one is made up),
E006 CLAW_PUBLIC_URL, E007 TELEGRAM_API_URL, E008 ids of people, E009 and E010 files of TLS, E011 remotes of projects,
E012 CLAW_RATES, E013 CLAW_BACKUP_RECIPIENT, E014 CLAW_BACKUP_S3 and its keys, E015 the mail server of self alerts,
W001 open to the network without an address, W002 (with --deploy) a SQLite with a known fault, W003 a gateway token that
can be guessed, W004 one of the webhook of alerts, W005 people to mail without a mail server.
A wrong CLAW_LANGUAGE, TIME_ZONE or CLAW_LOG_LEVEL would stop Django before any check, so settings.py itself refuses
those with a sentence.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from clawsite.gateway.limits import TOKEN_CHARS
from guardrails.rates import DEFAULTS, wrong_entries
from sessions_app.accounts import MODES

TAG = "clawsite"
# Two connections that write and checkpoint at one instant can, very rarely, damage the file before this version.
SOUND_SQLITE = (3, 51, 3)
_REMOTE = re.compile(r"(?:https://|ssh://[\w.-]+@)[\w.:\[\]-]+(?:/\S*)?|file:///\S+")
_RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{58}")
_S3 = re.compile(
    r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/[\w./-]*)?(?:\?(?:(?:endpoint=https?://[\w.:\[\]-]+|region=[\w-]+)(?:&|$))+)?"
)
_WEBHOOK_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")


def register_checks() -> None:
    """Make these part of `manage.py check`."""
    register(check_settings, TAG)
    register(check_sqlite, TAG, deploy=True)


def check_settings(app_configs: Sequence[AppConfig] | None, **_: object) -> list[CheckMessage]:
    """Return what is wrong with the settings."""
    return [*_telegram(), *_address(), *_gateway(), *_remotes(), *_rates(), *_backups(), *_alert_mail()]


def check_sqlite(app_configs: Sequence[AppConfig] | None, **_: object) -> list[CheckMessage]:
    """Warn of a SQLite with the fault; it is too rare to bother everybody at every command."""
    if not settings.CLAW_ON_SQLITE or sqlite3.sqlite_version_info >= SOUND_SQLITE:
        return []
    return [
        Warning(
            f"SQLite {sqlite3.sqlite_version} can, very rarely, damage its file when two processes write at once.",
            hint="Use a Python with SQLite 3.51.3 or later, or PostgreSQL (DATABASE_URL), and keep backups.",
            id="clawsite.W002",
        )
    ]


def _backups() -> Iterator[CheckMessage]:
    if settings.CLAW_BACKUP_RECIPIENT and not _RECIPIENT.fullmatch(settings.CLAW_BACKUP_RECIPIENT):
        hint = "Give the line that age-keygen calls the public key: age1 and 58 more characters."
        yield Error("CLAW_BACKUP_RECIPIENT is no public key of age.", hint=hint, id="clawsite.E013")
    if settings.CLAW_BACKUP_S3 and not _S3.fullmatch(settings.CLAW_BACKUP_S3):
        hint = "Use s3://bucket/folder?endpoint=https://host&region=name; what follows the ? may be left out."
        yield Error("CLAW_BACKUP_S3 cannot be used.", hint=hint, id="clawsite.E014")
    elif settings.CLAW_BACKUP_S3 and not (settings.CLAW_BACKUP_S3_KEY and settings.CLAW_BACKUP_S3_SECRET):
        hint = "Set CLAW_BACKUP_S3_KEY and CLAW_BACKUP_S3_SECRET, or name files with them by ..._FILE."
        yield Error("CLAW_BACKUP_S3 has no keys.", hint=hint, id="clawsite.E014")


def _remotes() -> Iterator[CheckMessage]:
    for entry in settings.CLAW_GIT_REMOTES:
        if not _REMOTE.fullmatch(entry):
            hint = "Give beginnings of addresses, such as https://git.example.com/team/ or ssh://git@git.example.com/."
            yield _error("CLAW_GIT_REMOTES", entry, hint, 11)


def _rates() -> Iterator[CheckMessage]:
    for entry in wrong_entries():
        hint = f"Write login=10/m, with s, m, h or d, and one of the names {', '.join(DEFAULTS)}."
        yield _error("CLAW_RATES", entry, hint, 12)


def _alert_mail() -> Iterator[CheckMessage]:
    server = settings.CLAW_ALERT_MAIL_SERVER
    if settings.CLAW_ALERT_MAIL and not server:
        hint = "Set CLAW_ALERT_MAIL_SERVER to smtp://user:password@host:587."
        yield Warning("CLAW_ALERT_MAIL names people, but no mail server.", hint=hint, id="clawsite.W005")
    parts = urlsplit(server)
    if server and (parts.scheme not in ("smtp", "smtps") or not parts.hostname):
        hint = "Use smtp://user:password@host:587, or smtps://user:password@host:465."
        yield Error("CLAW_ALERT_MAIL_SERVER is no address of a mail server.", hint=hint, id="clawsite.E015")


def _telegram() -> Iterator[CheckMessage]:
    mode, secret = settings.TELEGRAM_MODE, settings.TELEGRAM_WEBHOOK_SECRET
    if mode not in MODES:
        yield _error("TELEGRAM_MODE", mode, f"Use one of: {', '.join(MODES)}.", 3)
    if mode == "webhook" and not settings.CLAW_PUBLIC_URL.startswith("https://"):
        hint = "Set CLAW_PUBLIC_URL to the https address of this server, or TELEGRAM_MODE to polling."
        yield Error(
            "TELEGRAM_MODE is webhook, but Telegram only posts to an https address.", hint=hint, id="clawsite.E004"
        )
    if secret and not _WEBHOOK_SECRET.fullmatch(secret):
        hint = "Use up to 256 letters, digits, _ and -, or leave it out: one is made up."
        yield Error("TELEGRAM_WEBHOOK_SECRET has characters that Telegram refuses.", hint=hint, id="clawsite.E005")
    if not _is_root(settings.TELEGRAM_API_URL):
        yield _error("TELEGRAM_API_URL", "not an address", "It looks like https://api.telegram.org.", 7)
    for name in ("TELEGRAM_ADMIN_USERS", "TELEGRAM_ALLOWED_USERS"):
        wrong = [entry for entry in getattr(settings, name) if not (entry.isascii() and entry.isdecimal())]
        for entry in wrong:
            yield _error(name, entry, "Give ids, which are numbers; @userinfobot tells a person theirs.", 8)


def _address() -> Iterator[CheckMessage]:
    url = settings.CLAW_PUBLIC_URL
    if url and not _is_root(url):
        yield _error("CLAW_PUBLIC_URL", url, "It looks like https://claw.example.org, without a path.", 6)
    if not url and not _is_loopback(settings.CLAW_HOST):
        hint = "Set CLAW_PUBLIC_URL to the address people type, or CLAW_ALLOWED_HOSTS to the names of this machine."
        text = f"CLAW_HOST {settings.CLAW_HOST} is open to the network, but nobody there knows a name that is answered."
        if set(settings.ALLOWED_HOSTS) <= _OWN_NAMES:
            yield Warning(text, hint=hint, id="clawsite.W001")


def _gateway() -> Iterator[CheckMessage]:
    cert, key = settings.CLAW_TLS_CERT, settings.CLAW_TLS_KEY
    if bool(cert) != bool(key) or (settings.CLAW_TLS_CLIENT_CA and not cert):
        hint = "Set both, or none of them; CLAW_TLS_CLIENT_CA needs both."
        yield Error("CLAW_TLS_CERT and CLAW_TLS_KEY belong together.", hint=hint, id="clawsite.E009")
    for name in ("CLAW_TLS_CERT", "CLAW_TLS_KEY", "CLAW_TLS_CLIENT_CA"):
        path = getattr(settings, name)
        if path and not os.access(path, os.R_OK):
            yield Error(
                f"{name} names a file that cannot be read.", hint="Give the path of a PEM file.", id="clawsite.E010"
            )
    token = settings.CLAW_GATEWAY_TOKEN
    if token and len(token) < TOKEN_CHARS:
        hint = f"Use at least {TOKEN_CHARS} random characters, such as those of: manage.py token create"
        yield Warning("CLAW_GATEWAY_TOKEN is short enough to be guessed.", hint=hint, id="clawsite.W003")
    token = settings.ALERTMANAGER_WEBHOOK_TOKEN
    if token and len(token) < TOKEN_CHARS:
        hint = f"Use at least {TOKEN_CHARS} random characters, here and in Alertmanager's receiver."
        yield Warning("ALERTMANAGER_WEBHOOK_TOKEN is short enough to be guessed.", hint=hint, id="clawsite.W004")


_OWN_NAMES = {"127.0.0.1", "localhost", "[::1]"}


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _is_root(url: str) -> bool:
    """Tell whether a URL is scheme and host, and maybe a path, with nothing else; a token in it is a mistake."""
    try:
        parts = urlsplit(url)
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        return False
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and port_fits and plain


def _error(name: str, value: str, hint: str, number: int) -> Error:
    return Error(f"{name} is {value!r}.", hint=hint, id=f"clawsite.E{number:03}")
