"""Reading TelegramCommand documents: plain YAML, strict, and every mistake said with its file, line and place.

A document comes from whoever may commit to the project. It can make no command stronger than its people are: it names
files inside the repository, never `.git`, the project's own rules (`.claw/`, `claw.yaml`) or key files, and what people
type goes into a file only where the document says what it may look like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from clawsite.core.errors import BadInput
from guardrails.paths import check_relative
from runbooks.books.documents import line_of, parse_yaml
from runbooks.books.parameters import check_parameter
from runbooks.books.spec import BookError, Parameter, Place, to_book_error
from runbooks.workspaces.gitops.builtins import is_builtin, is_guarded
from runbooks.workspaces.gitops.filling import NAME
from runbooks.workspaces.gitops.spec import Change, Document, GitOps

MAX_BYTES = 64 * 1024
NOUN = "A command's document"
_PRIVATE = re.compile(r"\.env.*|.*\.(?:pem|key)|\.ssh|id_.*|\.git.*", re.IGNORECASE)
_RULES = (".claw", "claw.yaml")


def read_document(text: str, *, file: str) -> Document:
    """Return the command that a YAML text describes; BadInput says where something is wrong."""
    try:
        if len(text.encode("utf-8", "replace")) > MAX_BYTES:
            raise BadInput(f"{NOUN} has at most {MAX_BYTES // 1024} KiB.")
        return _read(text)
    except BadInput as error:
        raise BadInput(f"{file}: {error.message}") from None


def _read(text: str) -> Document:
    root, value = parse_yaml(text, noun=NOUN)
    try:
        document = _convert(value)
        check_document(document)
    except BookError as error:
        place = ".".join(str(each + 1) if isinstance(each, int) else str(each) for each in error.place)
        raise BadInput(f"line {line_of(root, error.place)}: {f'{place}: ' if place else ''}{error.message}.") from None
    return document


def _convert(value: Any) -> Document:
    try:
        return msgspec.convert(value, Document)
    except msgspec.ValidationError as error:
        raise to_book_error(error) from None


def check_document(document: Document) -> None:
    """Raise BookError when something in a document contradicts something else."""
    spec = document.spec
    declared: dict[str, Parameter] = {}
    for number, parameter in enumerate(spec.parameters):
        place: Place = ("spec", "parameters", number)
        if parameter.name in declared:
            raise BookError(f"the name {parameter.name!r} is taken", (*place, "name"))
        _placed(check_parameter, parameter, place)
        declared[parameter.name] = parameter
    _check_names(spec.title, declared, ("spec", "title"))
    if spec.git_ops.require_approval and not spec.git_ops.create_branch:
        raise BookError("what needs an approval needs a branch to wait on: say createBranch: true", ("spec", "gitOps"))
    _check_kind(document)
    for number, change in enumerate(spec.changes):
        _check_change(change, declared, ("spec", "changes", number))


def _check_kind(document: Document) -> None:
    """A built-in command gets a policy and nothing else; a command of the project's own has something to do."""
    spec = document.spec
    if not is_builtin(document.command):
        if not spec.changes:
            raise BookError("a command of the project's own needs changes", ("spec",))
        return
    if not is_guarded(document.command):
        raise BookError("this built-in command takes no policy", ("spec", "command"))
    if spec.changes or spec.parameters:
        raise BookError("a built-in command has its own parameters and changes no files", ("spec",))
    policy = spec.git_ops
    if policy.approvals != 1 or policy.allow_self or policy.hours != GitOps().hours:
        raise BookError("of a policy for a built-in command only requireApproval is used", ("spec", "gitOps"))


def _check_change(change: Change, declared: Mapping[str, Parameter], place: Place) -> None:
    given = [name for name in ("write", "append", "line") if getattr(change, name) is not None]
    given += ["delete"] if change.delete else []
    if len(given) != 1:
        raise BookError("say exactly one of write, append, line and delete", place)
    if change.line is not None and "\n" in change.line.starts + change.line.becomes:
        raise BookError("a line has no line break", (*place, "line"))
    _check_names(change.path, declared, (*place, "path"), into_files=True)
    _placed(check_target, NAME.sub("x", change.path), (*place, "path"))
    for name, text in _texts(change):
        _check_names(text, declared, (*place, *name), into_files=True)


def _texts(change: Change) -> Iterator[tuple[Place, str]]:
    for name in ("write", "append"):
        text = getattr(change, name)
        if text is not None:
            yield (name,), text
    if change.line is not None:
        yield ("line", "starts"), change.line.starts
        yield ("line", "becomes"), change.line.becomes


def _check_names(text: str, declared: Mapping[str, Parameter], place: Place, *, into_files: bool = False) -> None:
    """Raise for a parameter that is not declared, or whose text nobody bounds before it goes into a file."""
    for name in NAME.findall(text):
        parameter = declared.get(name)
        if parameter is None:
            raise BookError(f"there is no parameter named {name!r}", place)
        if into_files and parameter.type == "string" and not parameter.pattern:
            raise BookError(f"the parameter {name!r} goes into a file: give it a pattern, or the type choice", place)


def check_target(path: str) -> None:
    """Raise BadInput for a path that a command may not write: outside, git's, a key's, or the project's rules."""
    parts = check_relative(path)
    if any(_PRIVATE.fullmatch(part) for part in parts):
        raise BadInput("files of git, of the environment and of keys are not written by commands")
    if parts[0].lower() in _RULES:
        raise BadInput("the project's rules (.claw and claw.yaml) are changed by people, not by commands")
    if any(not char.isprintable() or char == "\\" for char in path):
        raise BadInput("the path has characters that are not used here")


def _placed(check: Any, value: Any, place: Place) -> None:
    """Run a check and put the place in front of where it fails."""
    try:
        check(value)
    except BookError as error:
        raise BookError(error.message, (*place, *error.place)) from None
    except BadInput as error:
        raise BookError(error.message.rstrip("."), place) from None
