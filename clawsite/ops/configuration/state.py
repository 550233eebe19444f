"""The rows as documents, what is different, and taking documents in: in one transaction, or not at all."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from clawsite.core import audit, flags
from clawsite.core.errors import BadInput, ClawError
from clawsite.core.nudge import nudge_on_commit
from clawsite.core.redaction import find_secrets
from clawsite.ops.configuration.files import path_of, read_document, write_document
from clawsite.ops.configuration.section import Document, Section
from clawsite.ops.configuration.sections import ORIGIN, SECTIONS
from guardrails.types import Actor
from runbooks.books.spec import BookError
from sessions_app.models import Channel
from sessions_app.prompts.layers import forget_cached

logger = logging.getLogger(__name__)

MOST_PROBLEMS = 50


class Refused(BadInput):
    """Files that cannot be taken in. Nothing was changed; `problems` are sentences, each with its file."""

    def __init__(self, problems: list[str]) -> None:
        more = f"\nand {len(problems) - MOST_PROBLEMS} more." if len(problems) > MOST_PROBLEMS else ""
        super().__init__("Nothing was changed.\n" + "\n".join(problems[:MOST_PROBLEMS]) + more)
        self.problems = problems


@dataclass(kw_only=True)
class Outcome:
    """What taking files in came to: paths of documents."""

    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


def texts_now() -> dict[str, str]:
    """Return every row that is configuration as the text of its file. One that seems to hold a secret is left out."""
    return {path: text for path, text in _documents() if not find_secrets(text)}


def _documents() -> Iterator[tuple[str, str]]:
    for section in SECTIONS:
        for _, document in _shown(section):
            yield path_of(section, document), write_document(document)


def _shown(section: Section) -> Iterator[tuple[Any, Document]]:
    for row in section.rows():
        try:
            document = section.show(row)
        except (ClawError, BookError) as error:
            logger.warning("%s %s is broken, so it is in no file: %s", section.name, row.pk, error)
            continue
        yield row, document


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """Return what changes from one set of files to the other, as diff shows it; "" when nothing does."""
    parts: list[str] = []
    for path in sorted({*old, *new}):
        before, after = (texts.get(path, "").splitlines(keepends=True) for texts in (old, new))
        parts += difflib.unified_diff(before, after, f"a/{path}", f"b/{path}")
    return "".join(part if part.endswith("\n") else f"{part}\n" for part in parts)


def take_in(texts: Mapping[str, str], *, actor: Actor, prune: bool = False, dry: bool = False) -> Outcome:
    """Make the rows what files say, in one transaction; Refused names every problem, and then nothing is changed.

    Rows without a file stay. With `prune` they go, where removing one takes nothing with it that people said or did.
    `dry` does everything and takes it back.
    """
    given = _read(texts)
    outcome, problems = Outcome(), []
    with transaction.atomic():
        for section in SECTIONS:
            problems += list(_take_section(section, given[section.name], actor, outcome))
        if prune and not problems:
            _prune(given, actor, outcome)
        if not problems:
            problems = [f"{path}: it does not come out as it was written." for path in _not_taken(given)]
        if problems:
            raise Refused(problems)
        if dry:
            transaction.set_rollback(True)
            return outcome
        _tell(outcome, actor)
    return outcome


Given = dict[str, dict[str, Document]]


def _read(texts: Mapping[str, str]) -> Given:
    """Return the documents by section and path; Refused with every file that is no document, or stands twice."""
    given: Given = {section.name: {} for section in SECTIONS}
    problems = []
    for path, text in texts.items():
        folder = path.partition("/")[0]
        if folder not in given:
            problems.append(f"{path}: there is no section {folder!r}.")
            continue
        try:
            given[folder][path] = read_document(path, text)
        except BadInput as error:
            problems.append(error.message)
    problems += [problem for section in SECTIONS for problem in _twice(section, given[section.name])]
    if problems:
        raise Refused(problems)
    return given


def _twice(section: Section, documents: Mapping[str, Document]) -> Iterator[str]:
    seen: dict[tuple[str, ...], str] = {}
    for path, document in documents.items():
        names = tuple(section.names(document))
        if names in seen:
            yield f"{path}: {seen[names]} is about the same."
        seen[names] = path


def _take_section(section: Section, documents: Mapping[str, Document], actor: Actor, outcome: Outcome) -> Iterator[str]:
    for path, document in documents.items():
        try:
            with transaction.atomic():
                if section.take(document, actor=actor):
                    outcome.changed.append(path)
        except ClawError as error:
            yield f"{path}: {error.message}"


def _prune(given: Given, actor: Actor, outcome: Outcome) -> None:
    for section in reversed(SECTIONS):
        kept = {tuple(section.names(document)) for document in given[section.name].values()}
        for row, document in _shown(section) if section.removable else ():
            # What is in no file because it seems to hold a secret could not be had back.
            if tuple(section.names(document)) not in kept and not find_secrets(write_document(document)):
                section.remove(row, actor=actor)
                outcome.removed.append(path_of(section, document))


def _not_taken(given: Given) -> Iterator[str]:
    """Yield the documents that their rows do not show as they were given."""
    for section in SECTIONS:
        for path, document in given[section.name].items():
            row = section.find(document)
            # A new account stays off until it has its token, whatever its file says.
            wanted = document | {"enabled": False} if section.model is Channel and not row.enabled else document
            if not section.has_taken(row, wanted):
                yield path


def _tell(outcome: Outcome, actor: Actor) -> None:
    if not outcome.changed and not outcome.removed:
        return
    audit.record(
        "config.import",
        actor=actor.subject,
        subject="config",
        origin=ORIGIN,
        changed=outcome.changed[:100],
        removed=outcome.removed[:100],
    )
    nudge_on_commit("channel")
    flags.tell_all()
    transaction.on_commit(forget_cached)
