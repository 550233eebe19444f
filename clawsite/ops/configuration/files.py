"""Documents as files: `<section>/<name>.yaml`. Plain YAML of people; nothing in a file is ever run."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from clawsite.core.errors import BadInput
from clawsite.ops.configuration.section import Document, Section
from clawsite.ops.configuration.sections import SECTIONS
from runbooks.books.documents import MAX_BYTES, parse_yaml

MOST_FILES = 10_000
NAME_CHARS = 80
_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")
FOLDERS = frozenset(section.name for section in SECTIONS)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as people do."""


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _write_text)


def path_of(section: Section, document: Document) -> str:
    """Return the file's name: the words it is known by, told apart by a digest where they are no plain name."""
    whole = "-".join(section.names(document))
    short = _PLAIN.sub("-", whole).strip("-.")[:NAME_CHARS]
    if short != whole or not short:
        short = f"{short}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}".lstrip("-")
    return f"{section.name}/{short}.yaml"


def write_document(document: Document) -> str:
    """Return the text of a document."""
    return str(yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110))


def read_document(path: str, text: str) -> Any:
    """Return the value of a text; BadInput names file and line."""
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise BadInput(f"{path}: a document has at most {MAX_BYTES // 1024} KiB.")
    try:
        return parse_yaml(text, noun="A document")[1]
    except BadInput as error:
        raise BadInput(f"{path}, {error.message}") from None


def read_folder(root: Path) -> dict[str, str]:
    """Return the texts of all documents below a folder, by their paths; BadInput for what is none of them."""
    found = sorted(path for name in FOLDERS for path in (root / name).glob("*.yaml"))
    if not found:
        raise BadInput(f"There are no documents in {root}. They lie in folders such as schedules/ or prompts/.")
    if len(found) > MOST_FILES:
        raise BadInput(f"There are more than {MOST_FILES} documents in {root}.")
    return {f"{path.parent.name}/{path.name}": _read(path) for path in found}


def _read(path: Path) -> str:
    if path.is_symlink() or path.stat().st_size > MAX_BYTES:
        raise BadInput(f"{path}: a document is a file of at most {MAX_BYTES // 1024} KiB, and no link.")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise BadInput(f"{path} cannot be read as text.") from None


def write_folder(root: Path, texts: Mapping[str, str], *, only: Iterable[str] | None = None) -> None:
    """Write documents below a folder; with `only`, those paths alone, and a path without a text is removed."""
    for name in texts if only is None else only:
        path = root / name
        if name not in texts:
            path.unlink(missing_ok=True)
            continue
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.draft")
        draft.write_text(texts[name], encoding="utf-8")
        draft.replace(path)
