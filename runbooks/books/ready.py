"""The runbooks that come with the product, as files; read and installed like any other."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from guardrails.types import Actor
from runbooks.books.documents import read_book
from runbooks.books.spec import Book
from runbooks.books.store import save_book
from runbooks.models import Runbook

SUFFIXES = (".yaml", ".yml")


def ready_folder() -> Path:
    """Return where they are."""
    folder: Path = settings.BASE_DIR / "templates" / "runbooks"
    return folder


def read_folder(folder: Path) -> list[Book]:
    """Return the runbooks of a folder's YAML files; BadInput names the file and line of the first mistake."""
    paths = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
    return [read_book(path.read_text(encoding="utf-8"), name=path.name) for path in paths]


def install_ready(*, actor: Actor, origin: str = "") -> list[Runbook]:
    """Write the ready-made runbooks; what was changed meanwhile becomes again what it was."""
    return [save_book(book, actor=actor, origin=origin) for book in read_folder(ready_folder())]
