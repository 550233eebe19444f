"""Which document a line in a chat is for, what it gives to it, and what the project says of built-in commands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clawsite.core.errors import BadInput
from runbooks.models import CommandSet, Project
from runbooks.workspaces.git import head
from runbooks.workspaces.gitops.builtins import is_builtin, spell
from runbooks.workspaces.gitops.loading import Named, named_of, read_documents
from runbooks.workspaces.gitops.spec import Document


def list_commands(project: Project) -> list[Named]:
    """Return the commands that a project defines, as they were read last; policies for built-in ones are none."""
    row = CommandSet.objects.filter(project=project).first()
    found = [named_of(each) for each in row.documents] if row is not None else []
    return [each for each in found if not is_builtin(each.document.command)]


def find_command(documents: Iterable[Named], name: str, words: Sequence[str]) -> Named | None:
    """Return the document for a command and the words after it: of several, the one that names most of them."""
    fits = [each for each in documents if spell(each.document.spec.command) == spell(name)]
    fits = [each for each in fits if _begins(words, each.document.spec.args)]
    return max(fits, key=lambda each: len(each.document.spec.args), default=None)


def read_words(document: Document, words: Sequence[str]) -> dict[str, str]:
    """Return what the words give to each parameter: NAME=VALUE, or in order. BadInput says how it is written."""
    names = [each.name for each in document.spec.parameters]
    given: dict[str, str] = {}
    plain: list[str] = []
    for word in words[len(document.spec.args) :]:
        name, equals, value = word.partition("=")
        if equals and name in names:
            given[name] = value
        else:
            plain.append(word)
    free = [name for name in names if name not in given]
    if len(plain) > len(free):
        raise BadInput(f"Write: {usage(document)}")
    return given | dict(zip(free, plain, strict=False))


def usage(document: Document) -> str:
    """Return how a command is written."""
    return " ".join([document.line, *(each.name.upper() for each in document.spec.parameters)])


def asks_approval(project: Project, command: str, words: Sequence[str]) -> bool:
    """Tell whether the project's branch says that a built-in command with these words needs an approval.

    While a document cannot be read nobody knows what it says, so then it does.
    """
    loaded = read_documents(project, head(project))
    found = find_command(loaded.documents, command, words)
    return bool(loaded.errors) or (found is not None and found.document.spec.git_ops.require_approval)


def _begins(words: Sequence[str], fixed: Sequence[str]) -> bool:
    return [word.lower() for word in words[: len(fixed)]] == [word.lower() for word in fixed]
