"""One kind of row as documents: which of its columns are configuration, and what it is known by in place of its number.

Only what is listed is written or taken in, so a new column, such as one with a secret, is in no file by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models

from clawsite.core.errors import BadInput
from clawsite.ops.configuration.addresses import with_secrets, without_secrets
from guardrails.types import Actor

Document = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ref:
    """How another row is named: by one value, or by several as a mapping. `by` are lookups such as `channel__name`."""

    model: type[models.Model]
    by: tuple[str, ...] = ("name",)

    def show(self, row: models.Model | None) -> Any:
        """Return the name of a row."""
        if row is None:
            return None
        values = {lookup.partition("__")[0]: _follow(row, lookup) for lookup in self.by}
        return values if len(values) > 1 else next(iter(values.values()))

    def find(self, value: Any) -> models.Model | None:
        """Return the row of a name; BadInput when there is none."""
        if value is None:
            return None
        names = [lookup.partition("__")[0] for lookup in self.by]
        given = value if len(names) > 1 else {names[0]: value}
        if (
            not isinstance(given, dict)
            or set(given) != set(names)
            or not all(isinstance(v, str) for v in given.values())
        ):
            raise BadInput(f"{self.model._meta.verbose_name}: name it by {', '.join(names)}.")
        row = self.model._default_manager.filter(
            **dict(zip(self.by, (given[name] for name in names), strict=True))
        ).first()
        if row is None:
            raise BadInput(f"There is no {self.model._meta.verbose_name} {', '.join(map(str, given.values()))!r}.")
        return row


def _follow(row: Any, lookup: str) -> Any:
    for name in lookup.split("__"):
        row = getattr(row, name)
    return row


@dataclass(frozen=True, kw_only=True)
class Section:
    """A folder of documents. `key` names a row among its siblings; `many` are lists of other rows.

    `children` are rows that belong to it alone: their list in a document is taken over as it stands.
    """

    name: str
    model: type[models.Model]
    key: tuple[str, ...]
    fields: tuple[str, ...] = ()
    refs: Mapping[str, Ref] = field(default_factory=dict)
    many: Mapping[str, Ref] = field(default_factory=dict)
    children: tuple[Children, ...] = ()
    nouns: tuple[str, ...] = ()
    removable: bool = False
    where: Mapping[str, Any] = field(default_factory=dict)
    save: Callable[[Any, Actor], object] = lambda row, actor: row.save()

    def rows(self) -> Sequence[Any]:
        """Return all rows, with what they refer to."""
        found = self.model._default_manager.filter(**self.where).select_related(*self.refs).order_by("pk")
        return list(found)

    def show(self, row: Any) -> Document:
        """Return a row as a document."""
        document = {name: self._show_one(row, name) for name in (*self.key, *self.fields, *self.refs)}
        for name, ref in self.many.items():
            document[name] = sorted((ref.show(each) for each in getattr(row, name).all()), key=str)
        for child in self.children:
            document[child.name] = child.show(row)
        return document

    def _show_one(self, row: Any, name: str) -> Any:
        return self.refs[name].show(getattr(row, name)) if name in self.refs else plain(getattr(row, name))

    def _is_same(self, row: Any, name: str, value: Any) -> bool:
        """Tell whether a column is as a document says. One that holds secrets is, when all but those is the same."""
        return bool(getattr(row, name) == self._read_for(row, name, value))

    def names(self, document: Document) -> list[str]:
        """Return the words that a document is known by, for its file's name."""
        values = [document.get(name) for name in self.key]
        return [str(part) for each in values for part in (each.values() if isinstance(each, dict) else [each])]

    def find(self, document: Document) -> Any:
        """Return the row that a document is about, None when there is none yet; BadInput without a whole key."""
        missing = [name for name in self.key if document.get(name) in (None, "") and name not in self.model_blanks()]
        if missing:
            raise BadInput(f"{', '.join(missing)} is missing.")
        wanted = {name: self._read(name, document[name]) for name in self.key if name in document}
        return self.model._default_manager.filter(**wanted).first()

    def model_blanks(self) -> set[str]:
        """Return the parts of the key that may be empty."""
        own = (name for name in self.key if name not in self.refs)
        return {name for name in own if getattr(self.model._meta.get_field(name), "blank", False)}

    def take(self, document: Document, *, actor: Actor) -> bool:
        """Make the row what a document says; True when something changed. In a transaction of the caller.

        What the document does not mention stays. Raises BadInput, saying what is wrong.
        """
        known = {*self.key, *self.fields, *self.refs, *self.many, *(child.name for child in self.children)}
        if unknown := sorted(set(document) - known):
            raise BadInput(f"There is nothing called {', '.join(unknown)} here. There are: {', '.join(sorted(known))}.")
        row = self.find(document)
        if row is not None and self.has_taken(row, document) and self._has_lists(row, document):
            return False
        row = row if row is not None else self.model()
        for name in (*self.key, *self.fields, *self.refs):
            if name in document:
                setattr(row, name, self._read_for(row, name, document[name]))
        self._check(row)
        self.save(row, actor)
        for name, ref in self.many.items():
            if name in document:
                getattr(row, name).set([ref.find(each) for each in as_list(document[name], name)])
        for child in self.children:
            if child.name in document:
                child.take(row, as_list(document[child.name], child.name))
        return True

    def has_taken(self, row: Any, document: Document) -> bool:
        """Tell whether a row's own columns are as a document says."""
        own = (name for name in (*self.key, *self.fields, *self.refs) if name in document)
        return all(self._is_same(row, name, document[name]) for name in own)

    def _has_lists(self, row: Any, document: Document) -> bool:
        lists = (*self.many, *(child.name for child in self.children))
        shown = self.show(row)
        return all(shown[name] == document[name] for name in lists if name in document)

    def remove(self, row: Any, *, actor: Actor) -> None:
        """Delete a row."""
        row.delete()

    def _read_for(self, row: Any, name: str, value: Any) -> Any:
        """Read a value for a row, whose secrets stay where the document shows what is around them."""
        return self._read(name, value if name in self.refs else with_secrets(value, getattr(row, name)))

    def _read(self, name: str, value: Any) -> Any:
        return self.refs[name].find(value) if name in self.refs else read_value(self.model, name, value)

    @staticmethod
    def _check(row: models.Model) -> None:
        try:
            row.full_clean()
        except ValidationError as error:
            raise BadInput(say(error)) from None


@dataclass(frozen=True, kw_only=True)
class Children:
    """Rows that belong to another: a list in its document. With a `key` one that stays keeps its number."""

    name: str
    model: type[models.Model]
    parent: str
    fields: tuple[str, ...]
    refs: Mapping[str, Ref] = field(default_factory=dict)
    key: str = ""

    def _rows(self, parent: Any) -> list[Any]:
        found = self.model._default_manager.filter(**{self.parent: parent}).select_related(*self.refs)
        return list(found.order_by(self.key or "pk"))

    def show(self, parent: Any) -> list[Document]:
        """Return the list."""
        return [self._show(row) for row in self._rows(parent)]

    def _show(self, row: Any) -> Document:
        shown = {name: plain(getattr(row, name)) for name in self.fields}
        return shown | {name: ref.show(getattr(row, name)) for name, ref in self.refs.items()}

    def take(self, parent: Any, documents: list[Any]) -> None:
        """Make the list what documents say."""
        rows = self._rows(parent)
        if [self._show(row) for row in rows] == documents:
            return
        kept: set[Any] = set()
        by_key = {plain(getattr(row, self.key)): row for row in rows} if self.key else {}
        if not self.key:
            for row in rows:
                row.delete()
        for number, document in enumerate(documents, start=1):
            if not isinstance(document, dict):
                raise BadInput(f"{self.name} {number}: this is a mapping.")
            row = by_key.get(str(document.get(self.key))) if self.key else None
            row = row if row is not None else self.model(**{self.parent: parent})
            self._fill(row, document, number)
            kept.add(row.pk)
        for row in by_key.values():
            if row.pk not in kept:
                row.delete()

    def _fill(self, row: models.Model, document: Document, number: int) -> None:
        if unknown := sorted(set(document) - {*self.fields, *self.refs}):
            raise BadInput(f"{self.name} {number}: there is nothing called {', '.join(unknown)} here.")
        try:
            for name, value in document.items():
                read = self.refs[name].find(value) if name in self.refs else read_value(self.model, name, value)
                setattr(row, name, read)
            row.full_clean()
        except ValidationError as error:
            raise BadInput(f"{self.name} {number}: {say(error)}") from None
        except BadInput as error:
            raise BadInput(f"{self.name} {number}: {error.message}") from None
        row.save()


def as_list(value: Any, name: str) -> list[Any]:
    """Return a list; BadInput for anything else."""
    if not isinstance(value, list):
        raise BadInput(f"{name}: this is a list.")
    return value


def plain(value: Any) -> Any:
    """Return a column's value as YAML has it, and as it may stand in a repository."""
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return without_secrets(str(value) if isinstance(value, str) else value)


def read_value(model: type[models.Model], name: str, value: Any) -> Any:
    """Return what a document says as the column has it; BadInput for what does not fit."""
    try:
        column = model._meta.get_field(name)
    except FieldDoesNotExist:
        raise BadInput(f"There is nothing called {name} here.") from None
    if not isinstance(column, models.Field) or value is None:
        return value
    if not _fits(column, value):
        raise BadInput(f"{name}: {value!r} is of the wrong type.")
    if isinstance(column, models.JSONField):
        return value
    try:
        return column.to_python(value)
    except ValidationError as error:
        raise BadInput(f"{name}: {' '.join(error.messages)}") from None


def _fits(column: models.Field[Any, Any], value: Any) -> bool:
    """Tell whether a value is of the type that a column has: what Django would convert may be a mistake."""
    if isinstance(column, models.JSONField):
        return column.default not in (dict, list) or isinstance(value, column.default)
    if isinstance(column, models.CharField | models.TextField):
        return isinstance(value, str)
    if isinstance(column, models.BooleanField):
        return isinstance(value, bool)
    return not (isinstance(column, models.IntegerField) and isinstance(value, bool | float))


def say(error: ValidationError) -> str:
    """Return a model's complaint as one sentence."""
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    return " ".join(f"{name}: {' '.join(said)}" for name, said in error.message_dict.items()).replace("__all__: ", "")
