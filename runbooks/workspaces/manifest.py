"""What a project says of itself in claw.yaml: how it is tested, built and deployed, and what may be run without asking.

It is read from a commit of the project's branch, never from the files of a job: whoever works on a project must not
widen their own rights by writing to a file. Everything in it is checked; what is wrong is said with its line.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from clawsite.core.errors import BadInput
from runbooks.books.documents import line_of, parse_yaml
from runbooks.books.spec import BookError, Place, to_book_error
from runbooks.models import Project
from runbooks.workspaces.git import branch_head, run_git

FILE = "claw.yaml"
MAX_BYTES = 64 * 1024
_NOUN = "A manifest"

Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
Argument = Annotated[str, Meta(max_length=4000)]
Argv = Annotated[list[Argument], Meta(min_length=1, max_length=100)]
Seconds = Annotated[float, Meta(gt=0, le=3600)]
Relative = Annotated[str, Meta(max_length=300)]


class Command(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """One program with its arguments, and how long it may take."""

    argv: Argv
    seconds: Seconds = 300.0


class Health(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """An address that answers when the environment is well, and how long it may take until it does."""

    url: Annotated[str, Meta(pattern=r"^https?://", max_length=500)]
    seconds: Seconds = 30.0


class Logs(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Where the lines of an environment are: in a file of it, or what a program prints."""

    file: Relative = ""
    argv: Annotated[list[Argument], Meta(max_length=100)] = []
    seconds: Seconds = 30.0

    @property
    def command(self) -> Command | None:
        """The program, if it is one."""
        return Command(argv=self.argv, seconds=self.seconds) if self.argv else None


class EnvironmentSpec(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A place that releases go to. after: the environments a commit must have been live in before."""

    deploy: Command | None = None
    restart: Command | None = None
    health: Health | None = None
    logs: Logs | None = None
    rollback: Command | None = None
    after: Annotated[list[Name], Meta(max_length=10)] = []
    approval: bool = False


class Stage(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """One stage of the built-in pipeline. manual: it waits until somebody starts it."""

    name: Name
    argv: Argv
    seconds: Seconds = 300.0
    manual: bool = False


class Manifest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """All that claw.yaml says."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    type: Annotated[str, Meta(max_length=32)] = ""
    setup: Command | None = None
    test: Command | None = None
    lint: Command | None = None
    build: Command | None = None
    allow: Annotated[list[Argv], Meta(max_length=50)] = []
    environments: Annotated[dict[Name, EnvironmentSpec], Meta(max_length=10)] = {}
    stages: Annotated[list[Stage], Meta(max_length=20)] = []


def read_manifest(project: Project, commit: str = "") -> Manifest:
    """Return what claw.yaml of a commit says, of the newest one of the branch unless given; BadInput if it is none."""
    sha = branch_head(project, commit or project.branch)
    done = run_git(
        project, "cat-file", "blob", f"{sha}:{FILE}", may_fail=True, may_cut=True, output_bytes=MAX_BYTES + 1
    )
    if not done.ok:
        raise BadInput(f"{project.name} has no {FILE}.")
    return parse_manifest(done.stdout)


def parse_manifest(data: bytes) -> Manifest:
    """Return the manifest that a text describes; BadInput says in which line something is wrong."""
    if len(data) > MAX_BYTES:
        raise BadInput(f"{FILE} has at most {MAX_BYTES // 1024} KiB.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadInput(f"{FILE} is no text.") from None
    try:
        root, value = parse_yaml(text, noun=_NOUN)
    except BadInput as error:
        raise BadInput(f"{FILE}: {error.message}") from None
    try:
        made = _convert(value)
        _check(made)
    except BookError as error:
        place = ".".join(str(part + 1) if isinstance(part, int) else part for part in error.place)
        where = f"line {line_of(root, error.place)}"
        raise BadInput(f"{FILE}, {where}: {f'{place}: ' if place else ''}{error.message}.") from None
    return made


def _convert(value: Any) -> Manifest:
    try:
        return msgspec.convert(value, Manifest)
    except msgspec.ValidationError as error:
        raise to_book_error(error) from None


def _check(made: Manifest) -> None:
    """Raise BookError for what the types alone do not tell."""
    for name, spec in made.environments.items():
        place: Place = ("environments", name)
        _check_logs(spec.logs, place)
        for earlier in spec.after:
            if earlier not in made.environments or earlier == name:
                raise BookError(f"there is no other environment {earlier!r}", (*place, "after"))
        if name in _before(made, name):
            raise BookError("it comes after itself", (*place, "after"))
    names = [stage.name for stage in made.stages]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise BookError(f"there are two stages {name!r}", ("stages", number, "name"))


def _check_logs(logs: Logs | None, place: Place) -> None:
    if logs is None:
        return
    if bool(logs.file) == bool(logs.argv):
        raise BookError("say either a file or argv", (*place, "logs"))
    if logs.file.startswith("/") or ".." in logs.file.split("/"):
        raise BookError("the file lies in the environment's directory", (*place, "logs", "file"))


def _before(made: Manifest, name: str) -> set[str]:
    """Return all environments that come before one."""
    found: set[str] = set()
    waiting = [*made.environments[name].after]
    while waiting:
        earlier = waiting.pop()
        if earlier not in found and earlier in made.environments:
            found.add(earlier)
            waiting += made.environments[earlier].after
    return found
