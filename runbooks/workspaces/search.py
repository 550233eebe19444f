"""Searching the files of a project with grep, in the sandbox and for a few seconds, whatever the pattern is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from clawsite.core.errors import BadInput, ClawError
from guardrails.processes import Limits, Sandbox, has_sandbox, run
from runbooks.workspaces.files import is_git, is_secret

SECONDS = 15.0
PATTERN_CHARS = 1000
LINE_CHARS = 400
_FOUND = re.compile(rb"^\./([^\x00]+)\x00(\d+):(.*)$")
_LEAST = Limits(seconds=SECONDS, cpu_seconds=int(SECONDS), memory_bytes=1024**3, output_bytes=512 * 1024)


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """One line that matches; long ones are cut."""

    path: str
    line: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Hits:
    """What was found; `more` says that this is not all."""

    hits: tuple[Hit, ...]
    more: bool = False


def search(tree: Path, pattern: str, *, glob: str = "", limit: int = 100, regex: bool = True) -> Hits:
    """Return the lines that match an extended regular expression, or hold a text as it is.

    `glob` chooses files by name. Neither links nor files that may hold keys are looked into. BadInput for a pattern
    that cannot be used.
    """
    if not pattern or len(pattern) > PATTERN_CHARS or "\n" in pattern or "/" in glob:
        raise BadInput("A search needs one line to look for, and a glob of names without folders.")
    argv = ["grep", "-rIZnE" if regex else "-rIZnF", f"--max-count={max(1, limit)}", "--exclude-dir=.git"]
    argv += [f"--include={glob}"] if glob else []
    done = run([*argv, "-e", pattern, "."], cwd=tree, limits=_LEAST, sandbox=Sandbox() if has_sandbox() else None)
    if done.timed_out:
        raise ClawError(f"The search took longer than {SECONDS:.0f} seconds.")
    if done.code > 1 and not done.stdout:
        raise BadInput(f"The pattern cannot be searched for: {done.stderr.decode(errors='replace').strip()[-200:]}")
    found = [hit for line in done.stdout.split(b"\n") if (hit := _read(line)) is not None]
    found.sort(key=lambda hit: (hit.path, hit.line))
    return Hits(hits=tuple(found[:limit]), more=len(found) > limit or done.truncated)


def _read(line: bytes) -> Hit | None:
    match = _FOUND.match(line)
    if match is None:
        return None
    path = match[1].decode("utf-8", "replace")
    if any(is_git(part) or is_secret(part) for part in path.split("/")):
        return None
    return Hit(path=path, line=int(match[2]), text=match[3].decode("utf-8", "replace")[:LINE_CHARS])
