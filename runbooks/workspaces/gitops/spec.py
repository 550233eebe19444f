"""A TelegramCommand as a value. Only shapes are checked here, by their types; `documents` checks the rest."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from runbooks.books.spec import Parameter

KIND = "TelegramCommand"
VERSIONS = ("openclaw.dev/v1", "clawsite.dev/v1")
COMMAND = r"^/?[a-z][a-z0-9_-]{0,31}$"
MAX_FILE_CHARS = 64 * 1024

Word = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Text = Annotated[str, Meta(max_length=MAX_FILE_CHARS)]


class Metadata(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the document is called; labels and annotations are for other tools."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$")]
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class GitOps(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """How a change gets into the default branch.

    create_branch: on a branch of its own, as a change request; otherwise it is one commit, at once. approvals: how many
    people must agree. auto_merge: merged as soon as it may be; otherwise somebody says so. allow_self: who asked may
    agree as well; where there is nobody else they may in any case.
    """

    create_branch: bool = True
    auto_merge: bool = False
    require_approval: bool = True
    approvals: Annotated[int, Meta(ge=1, le=5)] = 1
    allow_self: bool = False
    hours: Annotated[int, Meta(ge=1, le=168)] = 24


class Line(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Replaces the one line of a file that starts with a text."""

    starts: Annotated[str, Meta(min_length=1, max_length=500)]
    becomes: Annotated[str, Meta(max_length=2000)]


class Change(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What happens to one file: exactly one of the four."""

    path: Annotated[str, Meta(min_length=1, max_length=300)]
    write: Text | None = None
    append: Text | None = None
    line: Line | None = None
    delete: bool = False


class Spec(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What the command is and does. args: the words that follow its name, such as production in /deploy production."""

    command: Annotated[str, Meta(pattern=COMMAND)]
    args: Annotated[list[Word], Meta(max_length=5)] = []
    description: Annotated[str, Meta(max_length=200)] = ""
    role: Literal["developer", "maintainer"] = "developer"
    parameters: Annotated[list[Parameter], Meta(max_length=10)] = []
    title: Annotated[str, Meta(max_length=120)] = ""
    git_ops: GitOps = msgspec.field(default_factory=GitOps)
    changes: Annotated[list[Change], Meta(max_length=20)] = []


class Document(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A whole document."""

    api_version: Literal["openclaw.dev/v1", "clawsite.dev/v1"]
    kind: Literal["TelegramCommand"]
    metadata: Metadata
    spec: Spec

    @property
    def command(self) -> str:
        """The command's name as it is looked up, without its slash and with underscores."""
        return self.spec.command.removeprefix("/").replace("-", "_")

    @property
    def line(self) -> str:
        """The command with its fixed words, as people type it."""
        return " ".join([f"/{self.command}", *self.spec.args])
