"""What went wrong with a remote, told from git's own words: what kind it is, and a text that holds no secret.

Git is run with LANG=C, so its words are stable. What it says comes from outside and is shown as plain text, bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from guardrails.redact import redact

# away: cannot be reached. denied: we are not let in. host_key: it is not the host we know. new_host: one we do not
# know yet. diverged: it has what we have not. rejected: a rule or hook there refuses it. failed: anything else.
Problem = Literal["away", "denied", "host_key", "new_host", "diverged", "rejected", "failed"]

TEXT_CHARS = 500
LINES = 6
_AWAY = re.compile(
    r"could not resolve|connection (?:refused|timed out|reset|closed)|operation (?:timed out|too slow)"
    r"|network is unreachable|no route to host|failed to connect|couldn't connect|early eof|hung up unexpectedly"
    r"|temporarily unavailable|error: 5\d\d|returned error: 5\d\d|kex_exchange_identification|broken pipe",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"permission denied|authentication failed|could not read (?:username|password)|returned error: 40[13]"
    r"|access denied|terminal prompts disabled|not authorized",
    re.IGNORECASE,
)
_HOST_KEY = re.compile(r"host key verification failed|host identification has changed|no .* host key is known", re.I)
_NOISE = re.compile(r"^(?:hint:|To |Please make sure|and the repository exists|fatal: Could not read from remote)")
_STATUS = re.compile(r"^!\t(?P<refs>\S+)\t\[(?P<kind>[a-z ]+)\](?: \((?P<why>.*)\))?$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why an exchange failed, for programs and for people."""

    problem: Problem
    text: str


def read_failure(stdout: bytes, stderr: bytes, *, secrets: tuple[str, ...] = (), timed_out: bool = False) -> Failure:
    """Return what git's output says about an exchange that failed."""
    out, err = stdout.decode("utf-8", "replace"), stderr.decode("utf-8", "replace")
    status = _STATUS.search(out)
    if status is not None:
        return _of_status(status, err, secrets)
    text = shown(err, secrets)
    if timed_out:
        return Failure(problem="away", text=text or "It took too long.")
    for problem, pattern in _PATTERNS:
        if pattern.search(err):
            return Failure(problem=problem, text=text)
    return Failure(problem="failed", text=text or "git gave no reason.")


_PATTERNS: tuple[tuple[Problem, re.Pattern[str]], ...] = (
    ("host_key", _HOST_KEY),
    ("denied", _DENIED),
    ("away", _AWAY),
)


def _of_status(status: re.Match[str], err: str, secrets: tuple[str, ...]) -> Failure:
    """Return what the remote said of our branch: behind it, or refused by a rule there."""
    why = status["why"] or ""
    if status["kind"] == "rejected":
        return Failure(problem="diverged", text=shown(why, secrets))
    said = "\n".join(line.removeprefix("remote: ") for line in err.splitlines() if line.startswith("remote: "))
    return Failure(problem="rejected", text=shown("\n".join([why, said]), secrets))


def shown(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Return words of git as they may be kept and shown: a few lines, no secret, nothing that cannot be seen."""
    for secret in secrets:
        for part in (secret, *secret.split()):
            text = text.replace(part, "[secret]") if len(part) >= 6 else text
    lines = (" ".join(line.split()) for line in redact(text).splitlines())
    kept = [_visible(line) for line in lines if line and not _NOISE.match(line)]
    return "\n".join(kept[:LINES])[:TEXT_CHARS]


def _visible(line: str) -> str:
    return "".join(char if char.isprintable() else "\ufffd" for char in line)
