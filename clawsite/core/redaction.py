"""Secrets in text: the one table of well-known key formats, and values that this process was told are secret.

Logs and guardrails read the same table. A kind matches only by its format, never by how random a text looks. Every
pattern without white space may be of any length; what may hold white space spans at most REACH characters between two
places where it can be told that it goes on (the output guard's stream relies on this).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

MASK = "[secret]"
REACH = 120
LEAST_CHARS = 6
MAX_REGISTERED = 1_000


class FoundSecret(NamedTuple):
    """One secret in a text."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SecretKind:
    """A key format. The pattern is tried only on texts that hold one of the hints."""

    name: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]


def _kind(name: str, hints: str, pattern: str) -> SecretKind:
    return SecretKind(name, tuple(hints.split(" ")), re.compile(pattern))


_BREAK = r"(?:\s|\\[nr]){1,6}"
_PEM = (
    r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
    rf"(?:{_BREAK}(?:Version|Comment|Hash|Proc-Type|DEK-Info): [^\n\\]{{1,80}})*"
    rf"(?:{_BREAK}[A-Za-z0-9+/=]{{20,}})*"
    rf"(?:{_BREAK}[A-Za-z0-9+/=]{{1,19}}(?={_BREAK}(?:=|-----END)))?"
    rf"(?:{_BREAK}=[A-Za-z0-9+/]{{4}})?"
    rf"(?:{_BREAK}-----END [A-Z0-9 ]{{0,30}}PRIVATE KEY(?: BLOCK)?-----)?"
)

KINDS: tuple[SecretKind, ...] = (
    _kind("private_key", "PRIVATE", _PEM),
    _kind("telegram", ":", r"(?<!\d)\d{6,12}:[A-Za-z0-9_-]{30,}"),
    _kind("anthropic", "sk-ant-", r"sk-ant-[\w-]{16,}"),
    _kind("openai", "sk-", r"(?<![\w-])sk-(?!ant-)(?=[\w-]*\d)[\w-]{16,}"),
    _kind(
        "aws", "AKIA ASIA AGPA AROA AIDA ANPA", r"(?<![A-Za-z0-9])A(?:KI|SI|GP|RO|ID|NP)A[A-Z0-9]{16}(?![A-Za-z0-9])"
    ),
    _kind("github", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", r"gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,}"),
    _kind(
        "gitlab",
        "glpat- gldt- glrt- glcbt- glptt- glsoat- glagent- glft- glimt-",
        r"(?<![\w-])gl(?:pat|dt|rt|cbt|ptt|soat|agent|ft|imt)-[\w-]{20,}",
    ),
    _kind(
        "slack",
        "xox xapp- hooks.slack.com",
        r"xox[abceoprs]-[\w-]{10,}|xapp-\d-[\w-]{10,}|hooks\.slack\.com/services/[\w/]{20,}",
    ),
    _kind("discord", "discord", r"discord(?:app)?\.com/api/webhooks/\d+/[\w-]{20,}"),
    _kind("discord_bot", ".", r"(?<![\w.-])[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,}"),
    _kind("google", "AIza ya29. GOCSPX-", r"AIza[\w-]{35}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{28}"),
    _kind(
        "stripe",
        "k_live_ k_test_ whsec_",
        r"(?<![A-Za-z0-9])(?:[srp]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{24,})",
    ),
    _kind("twilio", "SK", r"(?<![A-Za-z0-9])SK[0-9a-f]{32}(?![A-Za-z0-9])"),
    _kind("sendgrid", "SG.", r"(?<![\w.])SG\.[\w-]{16,}\.[\w-]{16,}"),
    _kind("mailgun", "key-", r"(?<![\w-])key-[0-9a-f]{32}(?![\w-])"),
    _kind("npm", "npm_", r"npm_[A-Za-z0-9]{36}"),
    _kind("pypi", "pypi-", r"pypi-[\w-]{50,}"),
    _kind("huggingface", "hf_", r"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{30,}"),
    _kind("groq", "gsk_", r"(?<![A-Za-z0-9])gsk_[A-Za-z0-9]{40,}"),
    _kind("xai", "xai-", r"(?<![\w-])xai-[A-Za-z0-9]{40,}"),
    _kind("replicate", "r8_", r"(?<![A-Za-z0-9])r8_[A-Za-z0-9]{30,}"),
    _kind("perplexity", "pplx-", r"(?<![\w-])pplx-[A-Za-z0-9]{32,}"),
    _kind("digitalocean", "_v1_", r"do[opr]_v1_[0-9a-f]{64}"),
    _kind("meta", "EAA", r"(?<![A-Za-z0-9])EAA[A-Za-z0-9]{60,}"),
    _kind("clawsite", "claw_", r"(?<![A-Za-z0-9])claw_[0-9a-z]{8}_[\w-]{43}"),
    _kind("vault", "hvs. hvb. hvr.", r"(?<![\w.-])hv[sbr]\.[\w-]{24,}"),
    _kind("grafana", "glsa_ glc_", r"(?<![A-Za-z0-9])(?:glsa_[A-Za-z0-9]{32}_[0-9A-Fa-f]{8}|glc_[A-Za-z0-9+/=]{32,})"),
    _kind("docker", "dckr_", r"dckr_(?:pat|oat)_[\w-]{20,}"),
    _kind("terraform", ".atlasv1.", r"(?<![A-Za-z0-9])[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,}"),
    _kind("tailscale", "tskey-", r"tskey-[a-z]+-[\w-]{16,}"),
    _kind("atlassian", "ATATT3", r"ATATT3[\w=-]{50,}"),
    _kind("sentry", "sntry", r"sntry[su]_[\w+/=-]{40,}"),
    _kind("newrelic", "NRAK-", r"(?<![A-Za-z0-9])NRAK-[A-Z0-9]{27}"),
    _kind("azure", "AccountKey=", r"(?<=AccountKey=)[A-Za-z0-9+/]{86}=="),
    _kind("age", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    _kind("jwt", "eyJ", r"(?<![\w.-])eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
    _kind("password_in_url", "://", r"(?<=://)[^\s/@:]{0,100}:[^\s/@\"'<>]{1,200}(?=@)"),
)
_HINTS = tuple((hint, kind) for kind in KINDS for hint in kind.hints)
# What names a secret beside it. Right for log lines; in prose and program text it would hit too much.
_NAMED = re.compile(
    r"(?i)((?:set-)?cookie: )[^\r\n]+"
    r"|((?:authorization|x-api-key)[\"']?[:=] ?[\"']?(?:(?:bearer|basic|token) )?|\bbearer )[^\s\"',]+"
    r"|((?:token|password|passwd|secret|api_?key|access_key)[\"']?(?:=|: ?)[\"']?)[^\s&\"',;)}]+"
    r"|(/first-login/)[^\s\"'<>)]+"
)
_NAMED_HINT = re.compile(r"(?i)authorization|bearer|key|cookie|token|passw|secret|first-login")

_lock = threading.Lock()
_registered: tuple[str, ...] = ()


def register_secret(value: str) -> bool:
    """Remember a value as secret for as long as this process lives; False when it is too short to be looked for.

    A long value of several lines, such as a key file, is looked for line by line. The oldest goes after MAX_REGISTERED.
    """
    global _registered
    value = value.strip()
    if len(value) > REACH and len(value.split()) > 1:
        parts = [line for line in value.split() if len(line) >= 20]
    else:
        parts = [value] if len(value) >= LEAST_CHARS else []
    with _lock:
        fresh = [part for part in parts if part not in _registered]
        _registered = (*_registered, *fresh)[-MAX_REGISTERED:]
    return bool(parts)


def forget_secret(value: str) -> None:
    """Stop looking for a value, after it was rotated and can do no harm."""
    global _registered
    gone = {value.strip(), *value.split()}
    with _lock:
        _registered = tuple(kept for kept in _registered if kept not in gone)


def find_secrets(text: str, start: int = 0) -> list[FoundSecret]:
    """Return the secrets from `start` on, ordered by kind; places may overlap."""
    found = list(_find_registered(text, start))
    looked_at = text[start:] if start else text
    for kind in dict.fromkeys([kind for hint, kind in _HINTS if hint in looked_at]):
        found += [FoundSecret(kind.name, *match.span()) for match in kind.pattern.finditer(text, start)]
    return found


def _find_registered(text: str, start: int) -> Iterator[FoundSecret]:
    for value in _registered:
        at = text.find(value, start)
        while at >= 0:
            yield FoundSecret("registered", at, at + len(value))
            at = text.find(value, at + len(value))


def redact_secrets(text: str) -> str:
    """Return the text with every secret of a known format or value replaced by [secret]."""
    found = find_secrets(text)
    if not found:
        return text
    parts, at = [], 0
    for start, end in _joined(found):
        parts += [text[at:start], MASK]
        at = end
    return "".join((*parts, text[at:]))


def _joined(found: list[FoundSecret]) -> list[tuple[int, int]]:
    places: list[tuple[int, int]] = []
    for _, start, end in sorted(found, key=lambda secret: secret.start):
        if places and start < places[-1][1]:
            places[-1] = (places[-1][0], max(end, places[-1][1]))
        else:
            places.append((start, end))
    return places


def redact(text: str) -> str:
    """Return the text as a log may hold it: secrets and whatever stands where a secret is named become [secret]."""
    text = redact_secrets(text)
    return _NAMED.sub(_keep_name, text) if _NAMED_HINT.search(text) else text


def _keep_name(match: re.Match[str]) -> str:
    return "".join(group or "" for group in match.groups()) + MASK
