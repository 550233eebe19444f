"""Skills in words: what somebody should read before switching one on. English, for terminals and the admin."""

from __future__ import annotations

from typing import Any

from bots.skills.declared import DeclaredTool, full_name
from bots.skills.folder import folder_of
from bots.skills.offered import check_files
from clawsite.core.errors import ClawError
from guardrails.paths import open_beneath
from sessions_app.models import Skill


def list_rows() -> list[dict[str, Any]]:
    """Return all installed skills; one whose files changed is switched off by looking."""
    for skill in Skill.objects.filter(enabled=True):
        check_files(skill)
    return [_row(skill) for skill in Skill.objects.order_by("name")]


def _row(skill: Skill) -> dict[str, Any]:
    return {
        "name": skill.name,
        "state": "on" if skill.enabled else "off",
        "tools": len(skill.tools),
        "description": skill.description,
        "digest": skill.digest,
        "reason": skill.off_reason,
    }


def describe(skill: Skill) -> list[str]:
    """Return a skill line by line: what it says, what its tools may do, what is in it, what looks odd."""
    return [
        f"{skill.name}: {skill.description}",
        f"License: {skill.license or 'none given'}. Digest: {skill.digest}. From: {skill.source}.",
        "",
        *_section("What its tools may do", describe_tools(skill) or ["It has no tools of its own."]),
        *_section("Files", [f"{each['name']} ({each['size']} bytes)" for each in skill.files]),
        *_section("To be looked at twice", skill.findings),
        *_section("Instructions to the model", skill.body.split("\n")),
        *_section("Code", read_code(skill).split("\n")),
    ]


def read_code(skill: Skill) -> str:
    """Return the Python of a skill as it lies on disk, each file below its name; "" without any.

    Switching on compares the files with the digest again, so it is what was read here or refused.
    """
    names = [each["name"] for each in skill.files if each["name"].endswith(".py")]
    return "\n".join(f"# --- {name}\n{_read(skill, name)}" for name in names)


def _read(skill: Skill, name: str) -> str:
    try:
        with open_beneath(folder_of(skill.name, skill.digest), name) as file:
            return file.read().decode(errors="replace").replace("\r\n", "\n")
    except (OSError, ClawError):
        return "# (this file cannot be read)"


def describe_tools(skill: Skill) -> list[str]:
    """Return a sentence for each of its tools."""
    return [_sentence(skill, DeclaredTool.from_json(data)) for data in skill.tools]


def _sentence(skill: Skill, tool: DeclaredTool) -> str:
    how = f"runs the command /{tool.command}" if tool.command else "runs code of the skill in the sandbox"
    asks = [f"/{name}" for name in tool.commands] + list(tool.tools)
    may = f"; the code may ask for {', '.join(asks)}" if asks else ""
    person = "asks a person each time" if tool.effect == "destructive" else f"effect {tool.effect}"
    return f"{full_name(skill.name, tool.name)} ({person}, from {tool.role} up) {how}{may}. {tool.description}"


def _section(title: str, lines: list[str]) -> list[str]:
    return [f"{title}:", *(f"  {line}" for line in lines), ""] if any(lines) else []
