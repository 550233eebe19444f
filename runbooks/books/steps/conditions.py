"""Conditions on values, as data: a path, a comparison, a value. Nothing here evaluates text."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from runbooks.books.spec import BookError, Place

Comparison = Literal["==", "!=", ">", ">=", "<", "<=", "contains", "exists"]

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip


class Condition(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What must hold. path: keys and numbers parted by dots, such as `checks.0.status`; empty: the whole value."""

    path: Annotated[str, Meta(max_length=200)] = ""
    op: Comparison = "=="
    value: str | int | float | bool | None = None

    @property
    def words(self) -> str:
        """The comparison as people read it."""
        if self.op == "exists":
            return "there"
        return str(self.value) if self.op == "==" else f"{self.op} {self.value}"


def check_condition(condition: Condition, place: Place) -> None:
    """Raise BookError for a comparison that can never hold."""
    is_number = isinstance(condition.value, int | float) and not isinstance(condition.value, bool)
    if condition.op in _ORDER and not is_number:
        raise BookError(f"{condition.op} compares with a number", (*place, "value"))
    if condition.op == "contains" and not isinstance(condition.value, str):
        raise BookError("contains compares with a text", (*place, "value"))


def find_value(value: Any, path: str) -> Any:
    """Return the part of a JSON value at a path, None when it is not there."""
    for step in path.split(".") if path else ():
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and len(step) < 8 and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def holds(value: Any, condition: Condition) -> bool:
    """Tell whether a value is as it must be; a number compares with numbers only, and NaN is like nothing."""
    wanted = condition.value
    if condition.op == "exists":
        return value is not None
    if condition.op == "contains":
        return isinstance(value, str | list) and wanted in value
    if condition.op in ("==", "!="):
        same = value == wanted and isinstance(value, bool) == isinstance(wanted, bool)
        return same == (condition.op == "==")
    if isinstance(value, bool) or not isinstance(value, int | float) or not isinstance(wanted, int | float):
        return False
    return _ORDER[condition.op](value, wanted)
