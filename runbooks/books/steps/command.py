"""Running a program: an argument list in the sandbox, or on the host where an admin granted exactly that program."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from django.conf import settings
from msgspec import Meta

from guardrails import processes
from guardrails.processes import UNBOUNDED, Bounds, Limits, Sandbox
from runbooks.books.spec import BookError
from runbooks.books.steps.base import StepContext, StepFailed, StepKind
from runbooks.books.steps.conditions import Condition, holds
from runbooks.books.substitution import as_text

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3}\b)?")

BOUNDS = Bounds(tasks=256, memory_bytes=16 * 1024**3, disk_bytes=4 * 1024**3)

Argument = str | int | float | bool


class Number(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the last number in the output must be like."""

    op: Literal["==", "!=", ">", ">=", "<", "<="]
    value: float


class Command(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is run. argv: the program and its arguments, never a shell. input: goes to its standard input.

    codes: the exit codes that are success. contains, number: what the output must hold. network: whether the sandbox
    has one. folder: where it runs, read-only in the sandbox: a folder of this installation, else a fresh one of its
    own. output_kib: how much output is kept.
    """

    argv: Annotated[list[Argument], Meta(min_length=1, max_length=100)]
    env: dict[str, Argument] = {}
    input: str = ""
    codes: Annotated[list[int], Meta(min_length=1)] = msgspec.field(default_factory=lambda: [0])
    contains: str = ""
    number: Number | None = None
    network: bool = False
    folder: Literal["", "logs", "media", "backups"] = ""
    memory_mib: Annotated[int, Meta(ge=16, le=16_384)] = 1024
    output_kib: Annotated[int, Meta(ge=1, le=1024)] = 64


def run(ctx: StepContext, given: Command) -> str:
    """Run it to its end; its output is shown as it comes."""
    folder = _folder(ctx, given)
    sandbox = Sandbox(writable=() if given.folder else (folder,), network=given.network)
    done = processes.run(
        [as_text(each) for each in given.argv],
        cwd=folder,
        env={name: as_text(value) for name, value in given.env.items()},
        stdin=given.input.encode(),
        limits=_limits(ctx.left, given, host=bool(ctx.host)),
        sandbox=None if ctx.host else sandbox,
        check=ctx.check,
        on_output=lambda part: ctx.say(part.decode("utf-8", "replace")),
        with_parent=True,
    )
    if done.excess:
        raise StepFailed(f"It used too much and was ended: {done.excess}.")
    if done.timed_out:
        raise StepFailed(f"It did not end within {done.seconds:.0f} seconds and was ended by force.")
    if done.code not in given.codes:
        raise StepFailed(f"It ended with {_code(done.code)}{_last_line(done.stderr or done.stdout)}.")
    if given.contains and given.contains.encode() not in done.stdout:
        raise StepFailed(f"Its output does not hold {given.contains[:80]!r}.")
    return _check_number(done.stdout.decode("utf-8", "replace"), given.number) if given.number else ""


def _check_number(output: str, wanted: Number) -> str:
    """Return the last number of the output; StepFailed when it is not as it must be."""
    found = _NUMBER.findall(output)
    if not found:
        raise StepFailed("There is no number in its output.")
    condition = Condition(op=wanted.op, value=wanted.value)
    if not holds(float(found[-1]), condition):
        raise StepFailed(f"The number is {found[-1]}, not {wanted.op} {wanted.value:g}.")
    return str(found[-1])


def _folder(ctx: StepContext, given: Command) -> Path:
    if not given.folder:
        return ctx.folder
    folder: Path = settings.CLAW_HOME / given.folder
    if not folder.is_dir():
        raise StepFailed(f"There is no folder {given.folder} here.")
    return folder


def _limits(seconds: float, given: Command, *, host: bool) -> Limits:
    """What an admin let run on the host may start as many processes as it likes."""
    return Limits(
        seconds=seconds,
        cpu_seconds=max(1, int(seconds) + 1),
        memory_bytes=given.memory_mib * 1024**2,
        output_bytes=given.output_kib * 1024,
        bounds=UNBOUNDED if host else BOUNDS,
    )


def _code(code: int) -> str:
    return f"the signal {-code}" if code < 0 else f"the code {code}"


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return f": {lines[-1].strip()[:200]}" if lines else ""


def check(given: Command, step: Mapping[str, Any]) -> None:
    """A program on the host is one of those that were granted; which program runs is never a parameter."""
    program, host = step["with"]["argv"][0], step.get("host") or []
    if not isinstance(program, str) or program.startswith("{"):
        raise BookError("the program itself must be written out", ("with", "argv", 0))
    if host and program not in host:
        raise BookError(f"on the host it may run {', '.join(host)}, not {program}", ("with", "argv", 0))


def describe(given: Command) -> str:
    """Show the arguments so that each can be told from the next, between its variables and its input."""
    variables = [f"{name}={_quote(as_text(value))}" for name, value in given.env.items()]
    fed = ["<<<", json.dumps(given.input, ensure_ascii=False)] if given.input else []
    return " ".join([*variables, *(_quote(as_text(each)) for each in given.argv), *fed])


def _quote(text: str) -> str:
    plain = text and all(char.isalnum() or char in "-_./:=@%+," for char in text)
    return text if plain else "'" + text.replace("'", "'\\''") + "'"


COMMAND = StepKind(name="command", params=Command, run=run, describe=describe, repeatable=lambda _: False, check=check)
