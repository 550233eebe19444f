"""A small conversation for the demo.

Greets, counts, remembers names, calls the tools that the request offers.

Invariant: the answer depends on the request alone, and a tool is called with arguments that fit its schema.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable
from typing import Any

from tests.servers.messages.phrases import INTENTS, MARKDOWN, TOOL_HINTS, WORDS, find_intent, language_of
from tests.servers.messages.scripts import Step, brings_results, last_user_text, text, text_of, tool_use

MAX_ECHO = 300
MAX_RESULT = 1500
LONG_PARAGRAPHS = 30
SUMS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "x": operator.mul,
    "×": operator.mul,
    "/": operator.truediv,
}

Body = dict[str, Any]


def respond(body: Body, *, deltas: int, pause: float) -> list[Step]:
    """The steps of an answer to this request."""
    said = last_user_text(body["messages"])
    words = WORDS[language_of(said)]
    if (forced := _forced_tool(body)) is not None:
        return [tool_use(forced["name"], fill(forced["input_schema"], said))]
    if (schema := _output_schema(body)) is not None:
        return [text(json.dumps(fill(schema, said), ensure_ascii=False), deltas=deltas, pause=pause)]
    if brings_results(body["messages"]):
        return [text(_after_tools(body, words), deltas=deltas, pause=pause)]
    found = find_intent(said)
    tool = _offered(body, found[0]) if found else None
    if found and tool:
        return [tool_use(tool["name"], fill(tool["input_schema"], _subject(found[0], said)))]
    return [text(_answer(body, said, words), deltas=deltas, pause=pause)]


def _answer(body: Body, said: str, words: dict[str, str]) -> str:
    found = find_intent(said)
    if found is None:
        if _has_picture(body):
            return words["picture"]
        return words["question" if said.rstrip().endswith("?") else "other"].format(said.strip()[:MAX_ECHO])
    name, match = found
    if name in TOOL_HINTS:
        return words["no_tool"]
    if name == "sum":
        return _sum(match, words)
    if name == "name_is":
        return words[name].format(next(filter(None, match.groups())))
    if name == "my_name":
        known = _name_told(body)
        return words[name].format(known) if known else words["no_name"]
    if name == "long":
        return "\n\n".join(words["paragraph"].format(number) for number in range(1, LONG_PARAGRAPHS + 1))
    return MARKDOWN if name == "markdown" else words[name]


def _sum(match: re.Match[str], words: dict[str, str]) -> str:
    left, sign, right = match.groups()
    try:
        value = SUMS[sign](float(left), float(right))
    except ZeroDivisionError:
        return words["no_division"]
    return words["sum"].format(left, sign, right, f"{value:g}")


def _name_told(body: Body) -> str | None:
    pattern = dict(INTENTS)["name_is"]
    for message in reversed(body["messages"]):
        if message["role"] == "user" and (match := pattern.search(text_of(message["content"]))):
            return str(next(filter(None, match.groups())))
    return None


def _has_picture(body: Body) -> bool:
    content = body["messages"][-1]["content"]
    return isinstance(content, list) and any(block.get("type") == "image" for block in content)


def _after_tools(body: Body, words: dict[str, str]) -> str:
    """Put the results of the tools into words."""
    results = [block for block in body["messages"][-1]["content"] if block.get("type") == "tool_result"]
    names = {
        block["id"]: block["name"]
        for message in body["messages"]
        for block in _blocks(message)
        if block.get("type") == "tool_use"
    }
    parts = []
    for result in results:
        content = text_of(result.get("content") or "").strip()[:MAX_RESULT]
        name = names.get(result["tool_use_id"], "")
        if result.get("is_error"):
            parts.append(words["tool_failed"].format(content))
        elif done := next((kind for kind in ("remember", "forget") if kind in name), None):
            parts.append(words[f"{done}_done"])
        else:
            parts.append(words["tool"].format(content))
    return "\n\n".join(parts)


def _blocks(message: Body) -> list[Body]:
    return message["content"] if isinstance(message["content"], list) else []


def _forced_tool(body: Body) -> Body | None:
    """The tool that tool_choice demands, once its result is not there yet."""
    choice = body.get("tool_choice") or {}
    tools = [tool for tool in body.get("tools") or [] if "input_schema" in tool]
    if choice.get("type") == "any" and tools:
        return dict(tools[0])
    if choice.get("type") == "tool":
        return next((dict(tool) for tool in tools if tool["name"] == choice["name"]), None)
    return None


def _output_schema(body: Body) -> Body | None:
    wanted = (body.get("output_config") or {}).get("format") or {}
    schema: Body | None = wanted.get("schema") if wanted.get("type") == "json_schema" else None
    return schema


def _offered(body: Body, intent: str) -> Body | None:
    """The offered tool whose name suits an intent."""
    if (body.get("tool_choice") or {}).get("type") == "none":
        return None
    for hint in TOOL_HINTS.get(intent, ()):
        for tool in body.get("tools") or []:
            if hint in str(tool.get("name", "")).lower() and "input_schema" in tool:
                return dict(tool)
    return None


def _subject(intent: str, said: str) -> str:
    """What a tool is to work on: the link, the file, or what follows the verb."""
    pattern = dict(INTENTS)[intent]
    match = pattern.search(said)
    if intent == "fetch" and match:
        return match.group().rstrip(".,;:!?)'\"»”")
    if intent == "attachment":
        named = re.search(r"[\w-]+\.\w{1,5}\b", said)
        return named.group() if named else ""
    rest = said[match.end() :] if match else said
    rest = re.sub(r"^[\s,:]*(?:that|que|de que|что|about(?: me)?|sobre(?: mim)?|обо мне)?[\s,:]+", "", rest)
    return rest.strip(" .!?") or said.strip()


def fill(schema: Body, subject: str) -> Any:
    """A value that fits a JSON schema, with `subject` where it asks for text."""
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    if branches := schema.get("anyOf") or schema.get("oneOf"):
        return fill(branches[0], subject)
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        wanted = schema.get("required") or []
        return {name: fill(part, subject) for name, part in schema.get("properties", {}).items() if name in wanted}
    if kind == "array":
        return [fill(schema.get("items", {}), subject)] * int(schema.get("minItems", 0))
    if kind in ("integer", "number"):
        number = re.search(r"\d+", subject)
        return int(number.group()) if number else int(schema.get("minimum", 1))
    if kind == "boolean":
        return True
    return None if kind == "null" else subject[: int(schema.get("maxLength", 10_000))]
