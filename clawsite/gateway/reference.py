"""METHODS.md, made from the registries: what stands there is what the server checks. `manage.py methods` writes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from clawsite.gateway import methods
from clawsite.gateway.eventkinds import EVENT_KINDS
from clawsite.gateway.registry import Method, all_methods
from clawsite.rpc import codes

__all__ = ["PATH", "methods", "schema_of", "write_reference"]

PATH = Path(__file__).with_name("METHODS.md")
_HEAD = """# Methods of the gateway

Made by `manage.py methods`; do not edit. One WebSocket at `/` or `/ws`, one JSON object in each text frame:

    {"type": "req", "id": "1", "method": "health", "params": {}}
    {"type": "res", "id": "1", "ok": true, "payload": {}}
    {"type": "event", "event": "tick", "payload": {}, "seq": 1}

The first request is `connect`. Parameters are closed: a name that is not listed is an error, unless the method says
otherwise. A method needs its scope; `operator.admin` includes all others, `operator.write` includes `operator.read`.
Whose token has `operator.admin` sees everybody's sessions and jobs, all others only their own.
"""


def write_reference() -> str:
    """Return the text of METHODS.md."""
    every = sorted(all_methods().values(), key=lambda each: each.name)
    parts = [_HEAD, *_contents(every)]
    for space, members in groupby(every, key=_space):
        parts += [f"## {space}\n", *(_method(each) for each in members)]
    return "\n".join([*parts, *_events(), *_codes()]).rstrip() + "\n"


def schema_of(method: Method) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the JSON schema of a method's parameters, and the definitions it refers to."""
    schema = msgspec.json.schema(method.params)
    definitions: Mapping[str, Any] = schema.get("$defs", {})
    return _follow(schema, definitions), definitions


def _space(method: Method) -> str:
    return method.name.partition(".")[0]


def _contents(every: Iterable[Method]) -> Iterator[str]:
    yield "| method | scope | what |\n| --- | --- | --- |"
    for each in every:
        yield f"| [{each.name}](#{each.name.replace('.', '').lower()}) | {each.scope} | {each.summary} |"
    yield ""


def _method(method: Method) -> str:
    schema, definitions = schema_of(method)
    required = schema.get("required", [])
    lines = [f"### {method.name}\n", f"{method.summary} Scope `{method.scope}`.\n"]
    if schema.get("additionalProperties") is not False:
        lines += ["Further parameters are accepted and change nothing.\n"]
    if schema["properties"]:
        if method.params.__doc__:
            lines += [" ".join(method.params.__doc__.split()) + "\n"]
        lines += ["| parameter | type | default |", "| --- | --- | --- |"]
    for name, kind in schema["properties"].items():
        default = "required" if name in required else msgspec.json.encode(kind.get("default")).decode()
        lines += [f"| {name} | {_type(kind, definitions)} | {default} |"]
    return "\n".join(lines) + ("\n" if schema["properties"] else "")


def _follow(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Mapping[str, Any] = definitions[name] if name else schema
    return found


def _type(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """Return a type in words."""
    schema = _follow(schema, definitions)
    if "anyOf" in schema:
        return " or ".join(_type(each, definitions) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = str(schema.get("type", "any JSON"))
    if kind == "array":
        return f"list of {_type(schema.get('items', {}), definitions)}{_bounds(schema, 'Items')}"
    if kind == "object" and "properties" in schema:
        fields = (f"{name}: {_type(each, definitions)}" for name, each in schema["properties"].items())
        return f"{{{'; '.join(fields)}}}"
    if kind == "string":
        return kind + _bounds(schema, "Length")
    return kind + _bounds(schema, "imum")


def _bounds(schema: Mapping[str, Any], what: str) -> str:
    least, most = schema.get(f"min{what}"), schema.get(f"max{what}")
    if least is None and most is None:
        return ""
    unit = {"Items": " items", "Length": " characters", "imum": ""}[what]
    if most is None:
        return f" (at least {least}{unit})"
    return f" ({least}–{most}{unit})" if least is not None else f" (at most {most}{unit})"


def _events() -> Iterator[str]:
    yield "## Events\n"
    yield (
        "An event is sent once and may be lost: a gap in `seq` tells, rows are the truth. Who does not see all hears"
        " of their own only.\n"
    )
    for each in EVENT_KINDS:
        scope = f" Scope `{each.scope}`." if each.scope else ""
        yield f"### Event {each.name}\n\n{each.summary}{scope}\n\n| field | what |\n| --- | --- |"
        yield "\n".join(f"| {name} | {text} |" for name, text in each.fields.items()) + "\n"


def _codes() -> Iterator[str]:
    yield "## Error codes\n"
    yield "`error` is {code, message, details?, retryable?, retryAfterMs?}; `details.code` is for programs.\n"
    yield "| code | when |\n| --- | --- |"
    yield "\n".join(f"| {code} | {text} |" for code, text in codes.ERRORS.items()) + "\n"
    yield "## Close codes\n\n| code | when |\n| --- | --- |"
    yield "\n".join(f"| {code} | {text} |" for code, text in codes.CLOSES.items()) + "\n"
