"""The documents of a commit, read from git, and kept in a row so that a chat knows a command without asking git.

The row is brought up to date after each operation; the ticker does it where a process died before it could.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import F, OuterRef, Q, Subquery
from django.utils import timezone

from clawsite.core.errors import BadInput
from runbooks.models import CommandSet, Operation, Project
from runbooks.workspaces.git import head, run_git
from runbooks.workspaces.gitops.documents import MAX_BYTES, read_document
from runbooks.workspaces.gitops.spec import Document
from runbooks.workspaces.pipelines.values import clean
from runbooks.workspaces.watchers import sessions_of
from sessions_app.cards import put_card

FOLDER = ".claw/commands"
CARD = "change-errors"
MAX_FILES = 50
AT_ONCE = 20
_PLAIN = ("100644", "100755")


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A document and where it stands."""

    file: str
    document: Document


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """What a folder of documents holds; `errors` say with file and line what could not be read."""

    documents: list[Named] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def read_documents(project: Project, commit: str) -> Loaded:
    """Return the documents of a commit."""
    tree = find_folder(project, commit)
    return _read(project, tree) if tree else Loaded()


def find_folder(project: Project, commit: str) -> str:
    """Return git's name for what the folder of documents holds in a commit; "" where there is none."""
    if not commit:
        return ""
    done = run_git(project, "rev-parse", "-q", "--verify", f"{commit}:{FOLDER}", may_fail=True)
    return done.stdout.decode().strip() if done.ok else ""


def _read(project: Project, tree: str) -> Loaded:
    listed = run_git(project, "ls-tree", "-z", "-l", tree, may_fail=True)
    rows = [row.split("\t", 1) for row in listed.stdout.decode("utf-8", "replace").split("\0") if row]
    found = [(name, *about.split()) for about, name in rows if name.lower().endswith((".yaml", ".yml"))]
    loaded = Loaded()
    if len(found) > MAX_FILES:
        loaded.errors.append(f"{FOLDER}: at most {MAX_FILES} documents are read.")
    for name, mode, _type, oid, size in found[:MAX_FILES]:
        file = f"{FOLDER}/{clean(name)}"
        try:
            if mode not in _PLAIN or int(size) > MAX_BYTES:
                raise BadInput(f"{file}: A command's document is a plain file of at most {MAX_BYTES // 1024} KiB.")
            _add(loaded, file, read_document(_text(project, oid, file), file=file))
        except BadInput as error:
            loaded.errors.append(error.message)
    return loaded


def _text(project: Project, oid: str, file: str) -> str:
    try:
        return run_git(project, "cat-file", "blob", oid).stdout.decode("utf-8")
    except UnicodeDecodeError:
        raise BadInput(f"{file}: This is no text.") from None


def _add(loaded: Loaded, file: str, document: Document) -> None:
    same = next((each.file for each in loaded.documents if each.document.line == document.line), None)
    if same is not None:
        raise BadInput(f"{file}: {document.line} stands in {same} already.")
    loaded.documents.append(Named(file=file, document=document))


def load_documents(project: Project) -> CommandSet:
    """Bring the row of a project up to its branch; tell its people of errors that are new."""
    commit = head(project)
    tree = find_folder(project, commit)
    row = CommandSet.objects.filter(project=project).first()
    if row is not None and row.tree == tree:
        CommandSet.objects.filter(pk=row.pk).update(commit=commit)
        return row
    loaded = _read(project, tree) if tree else Loaded()
    values = {
        "commit": commit,
        "tree": tree,
        "documents": [{"file": each.file, "document": msgspec.to_builtins(each.document)} for each in loaded.documents],
        "errors": loaded.errors,
        "loaded_at": timezone.now(),
    }
    with transaction.atomic():
        row, _made = CommandSet.objects.update_or_create(project=project, defaults=values)
        if loaded.errors:
            _tell(project, commit, loaded.errors)
    return row


def _tell(project: Project, commit: str, errors: list[str]) -> None:
    data = {"project": project.name, "commit": commit, "errors": errors[:10], "more": max(0, len(errors) - 10)}
    for session in sessions_of(project):
        put_card(f"{CARD}:{project.key}:{session}", session_id=session, kind=CARD, data=data, ring="new")


def load_after(operation: Operation) -> None:
    """Have the documents read again after a change of the branch, once that is committed."""
    transaction.on_commit(partial(load_documents, operation.project), robust=True)


def load_due() -> int:
    """Read the documents of projects whose branch has gone on without that; return how many. A task of the ticker."""
    last = Operation.objects.filter(project=OuterRef("pk")).order_by("-pk").values("sha")[:1]
    ready = Project.objects.filter(state=Project.State.READY, archived=False).annotate(last=Subquery(last))
    stale = ready.filter(last__isnull=False).filter(Q(command_set__isnull=True) | ~Q(command_set__commit=F("last")))
    return sum(load_documents(project) is not None for project in stale.order_by("pk")[:AT_ONCE])


def named_of(row: dict[str, Any]) -> Named:
    """Return a document as a row keeps it."""
    return Named(file=row["file"], document=msgspec.convert(row["document"], Document))
