"""Filters whose choices are known without the rows, so that showing them costs the same however many there are.

Django's own filter on a text without choices reads the whole table for its different values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise

Label = str | Promise


def choice_filter(field: str, *, title: Label, choices: Sequence[tuple[str, Label]]) -> type[SimpleListFilter]:
    """Return a filter on a field by a fixed list of values."""

    class ChoiceFilter(_FixedFilter):
        parameter_name = field
        options = tuple(choices)
        lookup = field

    ChoiceFilter.title = title  # type: ignore[assignment]
    return ChoiceFilter


def name_filter(field: str, *, title: Label, names: Callable[[], Iterable[str]]) -> type[SimpleListFilter]:
    """Return a filter on a field by names that are asked for when the list is shown, such as those of a registry."""

    class NameFilter(_FixedFilter):
        parameter_name = field
        lookup = field

        def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, Any]]:
            return [(name, name) for name in names()]

    NameFilter.title = title  # type: ignore[assignment]
    return NameFilter


def prefix_filter(field: str, *, title: Label, choices: Sequence[tuple[str, Label]]) -> type[SimpleListFilter]:
    """Return a filter on a field by the beginning of its value."""
    found = choice_filter(field, title=title, choices=choices)
    found.lookup = f"{field}__startswith"  # type: ignore[attr-defined]
    return found


class _FixedFilter(SimpleListFilter):
    """A list of values that was decided when the filter was written."""

    title = ""
    parameter_name = ""
    lookup = ""
    options: tuple[tuple[str, Label], ...] = ()

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, Any]]:
        """Return the choices."""
        return list(self.options)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows with the chosen value; a value that is no choice filters nothing."""
        value = self.value()
        known = value is not None and value in dict(self.lookup_choices)
        return queryset.filter(**{self.lookup: value}) if known else queryset
