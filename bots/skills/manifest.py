"""What SKILL.md says, checked against the format of Agent Skills. Keys of other products are told, not refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from unicodedata import category

from bots.agent.tools import list_tools
from bots.skills.frontmatter import BadFrontMatter, Document, Entry, read_document
from bots.skills.problems import Problems, shown
from guardrails.inputs import check_untrusted, clean
from guardrails.types import Stage

FILE = "SKILL.md"
NAME_CHARS, DESCRIPTION_CHARS, LINE_CHARS = 64, 1024, 500
BODY_CHARS = 100_000
METADATA_CHARS = 8_000
TOOLS_MAX, FINDINGS_MAX, PARAGRAPHS_MAX = 50, 20, 400
KNOWN = ("name", "description", "license", "compatibility", "allowed-tools", "metadata")
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_UNSEEN = ("Cf", "Co", "Cn")
_MARKUP = re.compile(r"<[A-Za-z/!?]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """A SKILL.md that may be installed. `findings` are sentences for whoever reads it before enabling."""

    name: str
    description: str
    license: str
    body: str
    metadata: Mapping[str, Any]
    allowed_tools: tuple[str, ...]
    findings: tuple[str, ...]


def read_manifest(content: bytes | None, *, folder: str, problems: Problems) -> Manifest | None:
    """Check a SKILL.md; None when it cannot be read at all. What is wrong is in `problems`."""
    document = _read(content, problems)
    if document is None:
        return None
    front = document.front
    name, description = _name(front, folder, problems), _description(front, problems)
    for key, entry in front.items():
        if key not in KNOWN:
            problems.warn(f"{shown(key, 40)!r} is not used here", file=FILE, line=entry.line)
    return Manifest(
        name=name,
        description=description,
        license=_line_of(front, "license", problems),
        body=_body(document, problems),
        metadata=_metadata(front, problems),
        allowed_tools=_allowed(front, problems),
        findings=_findings(document, description),
    )


def _read(content: bytes | None, problems: Problems) -> Document | None:
    if content is None:
        problems.error("is missing; a skill is a folder with this file in it", file=FILE)
        return None
    try:
        return read_document(content.decode())
    except UnicodeDecodeError as error:
        problems.error("is not UTF-8 text", file=FILE, line=content[: error.start].count(b"\n") + 1)
    except BadFrontMatter as error:
        problems.error(error.text, file=FILE, line=error.line)
    return None


def _line_of(front: Mapping[str, Entry], key: str, problems: Problems, *, limit: int = LINE_CHARS) -> str:
    """Return a short text of the front matter as one line, "" when it is not there or wrong."""
    entry = front.get(key)
    if entry is None:
        return ""
    if not isinstance(entry.value, str) or not entry.value.strip():
        problems.error(f"{key} must be text", file=FILE, line=entry.line)
        return ""
    text = " ".join(clean(entry.value).split())
    if len(text) > limit:
        problems.error(f"{key} has {len(text)} characters; at most {limit} are allowed", file=FILE, line=entry.line)
    return text[:limit]


def _name(front: Mapping[str, Entry], folder: str, problems: Problems) -> str:
    if "name" not in front:
        problems.error("name is missing", file=FILE, line=1)
        return ""
    name = _line_of(front, "name", problems, limit=NAME_CHARS)
    line = front["name"].line
    if name and not _NAME.fullmatch(name):
        problems.error("name may hold a-z, 0-9 and single dashes between them", file=FILE, line=line)
    elif name and name != folder:
        problems.warn(f"the folder is called {shown(folder)!r}, the skill {name!r}", file=FILE, line=line)
    return name


def _description(front: Mapping[str, Entry], problems: Problems) -> str:
    if "description" not in front:
        problems.error("description is missing; say what the skill does and when to use it", file=FILE, line=1)
        return ""
    text = _line_of(front, "description", problems, limit=DESCRIPTION_CHARS)
    if _MARKUP.search(text):
        problems.error("description must be plain text without tags", file=FILE, line=front["description"].line)
    return text


def _metadata(front: Mapping[str, Entry], problems: Problems) -> Mapping[str, Any]:
    entry = front.get("metadata", Entry(value={}, line=1))
    if not isinstance(entry.value, dict):
        problems.error("metadata must be lines of the form name: value", file=FILE, line=entry.line)
        return {}
    if len(json.dumps(entry.value)) > METADATA_CHARS:
        problems.error(f"metadata is longer than {METADATA_CHARS} characters", file=FILE, line=entry.line)
    needs = _line_of(front, "compatibility", problems)
    return {**entry.value, **({"compatibility": needs} if needs else {})}


def _allowed(front: Mapping[str, Entry], problems: Problems) -> tuple[str, ...]:
    """Return the tools of the product that the skill may use; names of other products' tools are told."""
    entry = front.get("allowed-tools", Entry(value=[], line=1))
    value = re.split(r"[\s,]+", entry.value.strip()) if isinstance(entry.value, str) else entry.value
    if not isinstance(value, list) or len(value) > TOOLS_MAX or not all(isinstance(each, str) for each in value):
        problems.error(f"allowed-tools must be at most {TOOLS_MAX} names", file=FILE, line=entry.line)
        return ()
    known = {tool.name for tool in list_tools()}
    for name in value:
        if name and name not in known:
            problems.warn(f"there is no tool {shown(name, 40)!r} here", file=FILE, line=entry.line)
    return tuple(sorted(known & set(value)))


def _body(document: Document, problems: Problems) -> str:
    body = clean(document.body)
    if not body:
        problems.error("there are no instructions after the front matter", file=FILE, line=document.body_line)
    if len(body) > BODY_CHARS:
        limit = f"at most {BODY_CHARS} are allowed; move the rest into files beside it"
        problems.error(f"the instructions have {len(body)} characters; {limit}", file=FILE, line=document.body_line)
    return body[:BODY_CHARS]


def _findings(document: Document, description: str) -> tuple[str, ...]:
    """Look for what an attack would say. Instructions do give orders, so this is a hint for a reader, no verdict."""
    about = document.front.get("description", Entry(value="", line=1))
    found = []
    for paragraph, line in [(description, about.line), *_paragraphs(document.body, document.body_line)]:
        checked = check_untrusted(paragraph, stage=Stage.ATTACHMENT, source="skill")
        rules = sorted({verdict.rule for verdict in checked.verdicts})
        if rules:
            found.append(f"{FILE}, from line {line} on: reads like {', '.join(rules)}")
        if any(category(char) in _UNSEEN for char in paragraph):
            found.append(f"{FILE}, from line {line} on: holds characters that nobody sees")
    return tuple(found[:FINDINGS_MAX])


def _paragraphs(text: str, first: int) -> list[tuple[str, int]]:
    """Return the paragraphs of the instructions with the line in which each one begins."""
    found, line = [], first
    for part in text.split("\n\n"):
        if part.strip():
            found.append((part, line))
        line += part.count("\n") + 2
    return found[:PARAGRAPHS_MAX]
