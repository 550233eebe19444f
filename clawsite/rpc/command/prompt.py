"""Calls typed one after the other over one connection, with history and completion of the gateway's methods."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

from clawsite.rpc.blocking import BlockingClient
from clawsite.rpc.command.options import Defaults, read_params
from clawsite.rpc.command.run import fail, watch
from clawsite.rpc.command.show import DONE, USAGE, Screen
from clawsite.rpc.errors import ClientError

PROMPT = "rpc> "
MOST_LINES = 1000
HELP = """\
METHOD [JSON]      call a method, such as: sessions.list {"limit": 5}
watch JOB [SEQ]    show the events of a job (after one) to its end; Ctrl-C stops watching
methods [PART]     list the gateway's methods
help               show this
quit               leave; so does Ctrl-D"""
WORDS = ("help", "methods", "quit", "watch")


def converse(client: BlockingClient, screen: Screen, defaults: Defaults) -> int:
    """Read calls until the end. At a terminal 0; for piped lines, the code of the last that failed."""
    is_terminal = sys.stdin.isatty()
    methods = client.hello.methods if client.hello is not None else ()
    code = DONE
    if is_terminal:
        version = client.hello.version if client.hello is not None else "?"
        screen.note(f"Connected to {client.target.ws_url} (version {version}). Type help, or quit to leave.")
    with _history(defaults.history if is_terminal else None, methods):
        for line in _lines(is_terminal):
            if line == "quit":
                break
            code = _obey(line, client, screen, defaults) or code
    return DONE if is_terminal else code


def find_completions(text: str, methods: tuple[str, ...]) -> list[str]:
    """Return what a word may become."""
    return sorted(name for name in {*methods, *WORDS} if name.startswith(text))


def _obey(line: str, client: BlockingClient, screen: Screen, defaults: Defaults) -> int:
    word, _, rest = line.partition(" ")
    methods = client.hello.methods if client.hello is not None else ()
    try:
        if word == "help":
            for each in HELP.splitlines():
                screen.note(each)
        elif word == "methods":
            screen.answer([name for name in methods if rest.strip() in name])
        elif word == "watch":
            return _watch(rest, client, screen)
        else:
            screen.answer(client.request(word, read_params(rest.strip() or None)))
    except ValueError as error:
        screen.note(str(error))
        return USAGE
    except ClientError as error:
        return fail(screen, error, defaults)
    return DONE


def _watch(rest: str, client: BlockingClient, screen: Screen) -> int:
    job_id, *after = rest.split() or [""]
    if not job_id or len(after) > 1 or not all(word.isdecimal() for word in after):
        raise ValueError("write: watch JOB, or watch JOB SEQ")
    try:
        return watch(client, job_id, int(after[0]) if after else 0, screen)
    except KeyboardInterrupt:
        screen.note("")
        return DONE


def _lines(is_terminal: bool) -> Iterator[str]:
    """Yield what is typed; Ctrl-C gives up a line, the end of the input ends."""
    while True:
        try:
            line = input(PROMPT if is_terminal else "").strip()
        except EOFError:
            return
        except KeyboardInterrupt:
            sys.stderr.write("\n")
            continue
        if line:
            yield line


@contextlib.contextmanager
def _history(file: Path | None, methods: tuple[str, ...]) -> Iterator[None]:
    """Complete names, and keep what was typed from one time to the next, for its owner's eyes."""
    readline = _find_readline()
    if readline is None or file is None:
        yield
        return
    found: list[str] = []

    def complete(text: str, state: int) -> str | None:
        if state == 0:
            found[:] = find_completions(text, methods)
        return found[state] if state < len(found) else None

    readline.set_completer(complete)
    readline.set_completer_delims(" ")
    readline.parse_and_bind("tab: complete")
    readline.set_history_length(MOST_LINES)
    with contextlib.suppress(OSError):
        readline.read_history_file(file)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            file.touch(mode=0o600)
            readline.write_history_file(file)


def _find_readline() -> ModuleType | None:
    """Return the module, which not every Python is built with."""
    try:
        return import_module("readline")
    except ImportError:
        return None
