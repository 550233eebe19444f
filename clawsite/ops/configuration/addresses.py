"""Addresses as they may stand in a repository: a password or token in one is left out.

What is a secret is decided by whole words (`access_token`, `apiKey`, but not `keyword` or `author`) and by the paths of
services whose address itself is the right to write there. Whoever reads the rest still sees which address it is.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://\S+")
# Words of a name, however it is written: api_key, api-key, apiKey, APIKey, X-Api-Key.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRETS = frozenset(
    {
        "key", "keys", "accesskey", "authkey", "secretkey", "secrets", "passphrase", "passcode", "passwords", "pass",
        "pwd", "pw", "auth", "authorization", "authentication", "bearer", "credential", "credentials", "creds",
        "signatures", "sig", "hmac", "jwt", "otp", "tokens",
    }
)  # fmt: skip
# No other word of a language ends so: `accesstoken`, `clientsecret`, `apikey`.
_ENDS = ("token", "secret", "password", "passwd", "apikey", "signature")
# Only by itself: as one word of many it names a thing (`country_code`).
_CODE = "code"
# The path of an address that is a right to write; what is in the group is left out, with all behind it.
_PATHS = tuple(
    (re.compile(host), re.compile(path))
    for host, path in (
        (r"hooks\.slack(-gov)?\.com", r"/(?:services|workflows|triggers)/(.+)"),
        (r"(?:[a-z]+\.)?discord(?:app)?\.com", r"/api/(?:v\d+/)?webhooks/\d+/(.+)"),
        (r".*\.webhook\.office\.com|outlook\.office(?:365)?\.com", r"/webhook(?:b2)?/(.+)"),
        (r"chat\.googleapis\.com", r"/v1/spaces/[^/]+/messages/(.+)"),
        (r"hooks\.zapier\.com", r"/hooks/catch/(.+)"),
        (r"maker\.ifttt\.com", r"/trigger/.*/with/key/(.+)"),
        (r"events\.pagerduty\.com", r"/integration/([^/]+)/.*"),
        (r"hc-ping\.com", r"/(.+)"),
        # These run on hosts of any name: the Bot API, Mattermost and Rocket.Chat.
        (r".*", r".*/bot(\d+(?::|%3[Aa])[A-Za-z0-9_-]+.*)"),
        (r".*", r".*/hooks/((?=[a-z]*\d)[a-z0-9]{26}|[A-Za-z0-9]{17}/[A-Za-z0-9]{20,})"),
    )
)


def without_secrets(value: Any) -> Any:
    """Return a value in which every address, however deep, has lost its secrets. What holds none is the same."""
    if isinstance(value, dict):
        return {name: without_secrets(each) for name, each in value.items()}
    if isinstance(value, list):
        return [without_secrets(each) for each in value]
    return _bare(value) if isinstance(value, str) and _ADDRESS.fullmatch(value) else value


def with_secrets(value: Any, kept: Any) -> Any:
    """Return a value with those that the kept one holds in the same place, wherever it is else as it was shown."""
    if value == without_secrets(kept):
        return kept
    if isinstance(value, dict) and isinstance(kept, dict):
        return {name: with_secrets(each, kept.get(name)) for name, each in value.items()}
    if isinstance(value, list) and isinstance(kept, list) and len(value) == len(kept):
        return [with_secrets(*pair) for pair in zip(value, kept, strict=True)]
    return value


def is_secret_name(name: str) -> bool:
    """Tell whether a parameter of this name holds a secret."""
    words = [word.lower() for word in _WORD.findall(name)]
    return name.lower() == _CODE or any(word in _SECRETS or word.endswith(_ENDS) for word in words)


def _bare(address: str) -> str:
    try:
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
        path = _bare_path(parts.hostname or "", parts.path)
    except ValueError:
        return address
    given = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(name, value) for name, value in given if not is_secret_name(name)]
    if (host, path) == (parts.netloc, parts.path) and kept == given:
        return address  # as it was written
    query = parts.query if kept == given else urlencode(kept)
    return parts._replace(netloc=host, path=path, query=query).geturl()


def _bare_path(host: str, path: str) -> str:
    """Return a path up to the secret in it, all of it when there is none."""
    for hosts, paths in _PATHS:
        found = paths.fullmatch(path) if hosts.fullmatch(host) else None
        if found:
            return path[: found.start(1)]
    return path
