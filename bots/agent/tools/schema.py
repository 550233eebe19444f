"""Checks a tool call's arguments against the tool's JSON Schema. Pure; the small part of JSON Schema that tools use.

Models send wrong types and forget fields. What does not fit is told to the model in words it can act on;
nothing is converted or guessed. A schema that uses more than this part is refused when the tool is
registered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_KNOWN = {
    "type", "properties", "required", "additionalProperties", "items", "enum", "minLength", "maxLength", "minimum",
    "maximum", "minItems", "maxItems", "pattern", "description", "title", "default", "examples",
}  # fmt: skip
_ERRORS_MAX = 5


def check_arguments(schema: Mapping[str, Any], arguments: object) -> list[str]:
    """Return what is wrong with the arguments, at most five sentences; an empty list when they fit."""
    return list(_check(schema, arguments, "arguments"))[:_ERRORS_MAX]


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raise ValueError for a schema that is not an object or uses what is not checked here."""
    if schema.get("type") != "object":
        raise ValueError("the arguments of a tool are an object")
    _walk(schema)


def _walk(schema: Mapping[str, Any]) -> None:
    unknown = set(schema) - _KNOWN
    if unknown:
        raise ValueError(f"not supported in a tool's schema: {', '.join(sorted(unknown))}")
    if schema.get("type") not in (*_TYPES, None):
        raise ValueError(f"unknown type {schema['type']!r}")
    re.compile(schema.get("pattern", ""))
    for part in (*schema.get("properties", {}).values(), *filter(None, [schema.get("items")])):
        _walk(part)


def _check(schema: Mapping[str, Any], value: object, where: str) -> list[str]:
    wrong = _check_type(schema, value, where) or _check_enum(schema, value, where)
    if wrong:
        return wrong
    if isinstance(value, dict):
        return _check_object(schema, value, where)
    if isinstance(value, list):
        return _check_array(schema, value, where)
    if isinstance(value, str):
        return _check_text(schema, value, where)
    return _check_number(schema, value, where)


def _check_type(schema: Mapping[str, Any], value: object, where: str) -> list[str]:
    name = schema.get("type")
    if name is None:
        return []
    fits = isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool))
    return [] if fits else [f"{where} must be of type {name}"]


def _check_enum(schema: Mapping[str, Any], value: object, where: str) -> list[str]:
    allowed = schema.get("enum")
    if allowed is None or value in allowed:
        return []
    return [f"{where} must be one of {', '.join(map(str, allowed))}"]


def _check_object(schema: Mapping[str, Any], value: dict[str, Any], where: str) -> list[str]:
    properties = schema.get("properties", {})
    wrong = [f"{where}.{name} is missing" for name in schema.get("required", ()) if name not in value]
    if schema.get("additionalProperties", False) is False:
        wrong += [f"{where}.{name[:40]} is not known" for name in value if name not in properties]
    for name, part in properties.items():
        if name in value:
            wrong += _check(part, value[name], f"{where}.{name}")
    return wrong


def _check_array(schema: Mapping[str, Any], value: list[Any], where: str) -> list[str]:
    wrong = _check_size(len(value), schema.get("minItems"), schema.get("maxItems"), f"{where} must have", "items")
    items = schema.get("items")
    if items and not wrong:
        for index, item in enumerate(value):
            wrong += _check(items, item, f"{where}[{index}]")
    return wrong


def _check_text(schema: Mapping[str, Any], value: str, where: str) -> list[str]:
    low, high = schema.get("minLength"), schema.get("maxLength")
    wrong = _check_size(len(value), low, high, f"{where} must have", "characters")
    pattern = schema.get("pattern")
    if pattern and not wrong and not re.search(pattern, value):
        wrong = [f"{where} must match {pattern}"]
    return wrong


def _check_number(schema: Mapping[str, Any], value: object, where: str) -> list[str]:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return []
    return _check_size(value, schema.get("minimum"), schema.get("maximum"), f"{where} must be", "")


def _check_size(size: float, low: float | None, high: float | None, start: str, unit: str) -> list[str]:
    if low is not None and size < low:
        return [f"{start} at least {low} {unit}".rstrip()]
    if high is not None and size > high:
        return [f"{start} at most {high} {unit}".rstrip()]
    return []
