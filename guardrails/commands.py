"""Which commands of an agent run at once, which are asked about, and which never run: a decision on argument lists.

Only what is known to be harmless inside a project is allowed. What cannot be told is asked. What reaches for other
rights, other machines or the machinery around the project is blocked, whatever a project's own list says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Decision = Literal["allow", "ask", "block"]

# The one list of what needs no list: argument prefixes that only look, or run a project's own tests and checks.
DEFAULTS: tuple[tuple[str, ...], ...] = (
    ("ls",), ("cat",), ("head",), ("wc",), ("grep",), ("stat",), ("file",), ("diff",), ("true",), ("pwd",), ("echo",),
    ("pytest",), ("python", "-m", "pytest"), ("python3", "-m", "pytest"),
    ("python", "-m", "unittest"), ("python3", "-m", "unittest"),
    ("python", "-m", "compileall"), ("python3", "-m", "compileall"),
    ("ruff", "check"), ("ruff", "format"), ("mypy",),
    ("python", "manage.py", "test"), ("python", "manage.py", "check"),
    ("npm", "test"), ("npm", "run", "test"), ("npm", "run", "lint"), ("npm", "run", "build"), ("node", "--test"),
    ("make", "test"), ("make", "lint"), ("make", "build"),
)  # fmt: skip

_BLOCKED = frozenset(
    {
        "sudo",
        "su",
        "doas",
        "pkexec",
        "runuser",
        "setpriv",
        "nsenter",
        "unshare",
        "chroot",
        "bwrap",
        "mount",
        "umount",
        "systemctl",
        "service",
        "reboot",
        "shutdown",
        "halt",
        "poweroff",
        "insmod",
        "modprobe",
        "iptables",
        "nft",
        "docker",
        "podman",
        "kubectl",
        "ssh",
        "scp",
        "sftp",
        "telnet",
        "nc",
        "ncat",
        "netcat",
        "socat",
        "crontab",
        "at",
        "batch",
        "passwd",
        "useradd",
        "usermod",
        "chpasswd",
        "mkfs",
        "fdisk",
        "dd",
        "gdb",
        "strace",
        "ptrace",
        "kexec",
    }
)
# These start other programs, so nothing about them is known from the first word.
_LAUNCHERS = frozenset(
    {
        "env",
        "nohup",
        "nice",
        "timeout",
        "xargs",
        "setsid",
        "stdbuf",
        "time",
        "watch",
        "parallel",
        "script",
        "ionice",
        "chrt",
    }
)
_SHELLS = frozenset(
    {
        "sh",
        "bash",
        "dash",
        "zsh",
        "ksh",
        "fish",
        "ash",
        "busybox",
    }
)
_INTERPRETERS = {
    "python": "c", "perl": "eE", "ruby": "e", "node": "ep", "nodejs": "ep", "php": "r", "lua": "e", "Rscript": "e",
}  # fmt: skip
_CODE_WORDS = frozenset({"--eval", "--print", "eval"})
_OPTIONS = {
    "git": re.compile(r"-C.*|-c.*|--git-dir.*|--work-tree.*|--exec-path.*|--config-env.*|--namespace.*"),
    "sed": re.compile(r"-[a-zA-Z]*i.*|--in-place.*"),
    "find": re.compile(r"-(exec|execdir|ok|okdir|delete|fprint.*|fls)"),
    "grep": re.compile(r"-[a-zA-Z]*f.*|--file.*"),
    "make": re.compile(r"(-C|-f|--eval|--file|--makefile|--directory|-I).*|[A-Za-z_]+=.*"),
    "tar": re.compile(r"--(to-command|checkpoint-action|use-compress-program|rsh-command).*|-I.*"),
    "npm": re.compile(r"--(prefix|script-shell|userconfig|globalconfig|registry|scripts-prepend).*"),
}
_VERSION = re.compile(r"(?<=[a-zA-Z])[\d.]+$")
_PLAIN = re.compile(r"[A-Za-z0-9][\w.+-]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandVerdict:
    """What is to be done with a command. `reason` is a name; who shows it finds the words."""

    decision: Decision
    reason: str = ""


def decide_command(argv: Sequence[str], allowed: Sequence[Sequence[str]] = ()) -> CommandVerdict:
    """Decide on an argument list; `allowed` are the prefixes that the project's committed manifest adds.

    Code on the command line, changed roots and programs that start others are at most asked about: no list allows them
    by a prefix alone, unless the list names the whole command.
    """
    if not argv or not _is_list(argv):
        return CommandVerdict(decision="ask", reason="unreadable")
    words = tuple(argv)
    name = _name(words[0])
    if any(_name(word) in _BLOCKED for word in _programs(words)):
        return CommandVerdict(decision="block", reason="program")
    if words in {tuple(each) for each in allowed}:
        return CommandVerdict(decision="allow", reason="listed")
    if reason := _doubt(name, words):
        return CommandVerdict(decision="ask", reason=reason)
    if any(_starts(words, tuple(prefix)) for prefix in (*allowed, *DEFAULTS)):
        return CommandVerdict(decision="allow", reason="listed")
    return CommandVerdict(decision="ask", reason="unlisted")


def _is_list(argv: object) -> bool:
    """Whether it is what its type says: models give anything."""
    return isinstance(argv, list | tuple) and all(isinstance(part, str) and "\0" not in part for part in argv)


def _programs(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return what may be the program: the first word, and every word after one that starts other programs."""
    return words if _name(words[0]) in _LAUNCHERS else words[:1]


def _doubt(name: str, words: tuple[str, ...]) -> str:
    """Return why a listed prefix does not count for this command, or ""."""
    if not _PLAIN.fullmatch(words[0]):
        return "path"
    if name in _LAUNCHERS:
        return "launcher"
    if name in _SHELLS:
        return "shell"
    if _has_code(name, words[1:]):
        return "code"
    options = _OPTIONS.get(name)
    if options is not None and any(options.fullmatch(word) for word in words[1:]):
        return "option"
    return "outside" if any(_leads_out(word) for word in words[1:]) else ""


def _has_code(name: str, words: tuple[str, ...]) -> bool:
    letters = _INTERPRETERS.get(_VERSION.sub("", name))
    if letters is None:
        return False
    for word in words:
        if word in ("-", *_CODE_WORDS) or word.startswith("--eval="):
            return True
        if not word.startswith("-") or word == "-m":
            return False  # a file or a module: what follows are its arguments
        if not word.startswith("--") and any(letter in word for letter in letters):
            return True
    return not words


def _leads_out(word: str) -> bool:
    value = word.partition("=")[2] if word.startswith("-") else word
    return value.startswith(("/", "~")) or ".." in value.split("/")


def _starts(words: tuple[str, ...], prefix: tuple[str, ...]) -> bool:
    return bool(prefix) and words[: len(prefix)] == prefix


def _name(word: str) -> str:
    return word.rpartition("/")[2]
