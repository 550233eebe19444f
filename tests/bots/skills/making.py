"""Folders of skills as people write them, and skills that are installed and on."""

from __future__ import annotations

from pathlib import Path

from bots.skills.install import install_skill
from bots.skills.switching import enable_skill
from guardrails.types import Actor, Role
from sessions_app.models import Session, Skill

ALICE = Actor(subject="user:1", role=Role.ADMIN, name="Alice")
BOB = Actor(subject="user:2", role=Role.OPERATOR, name="Bob")
CHARLIE = Actor(subject="user:3")

FRONT = "name: tea\ndescription: Knows how long tea steeps.\n"
BODY = "Black tea steeps for four minutes."


def write(folder: Path, *, front: str = FRONT, body: str = BODY, tools: str = "", **files: bytes | str) -> Path:
    """Write a skill's folder and return it; dots in the names of further files are written as __."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "SKILL.md").write_text(f"---\n{front}---\n\n{body}\n")
    if tools:
        (folder / "tools.py").write_text(tools)
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / name.replace("__", ".")).write_bytes(data)
    return folder


def install(folder: Path) -> Skill:
    """Install a folder as Alice."""
    return install_skill(folder, actor=ALICE).skill


def switched_on(folder: Path, *sessions: Session) -> Skill:
    """Install a folder, switch it on, and on in these conversations."""
    skill = install(folder)
    enable_skill(skill, digest=skill.digest, actor=ALICE)
    for session in sessions:
        session.skills = [*session.skills, skill.pk]
        session.save(update_fields=["skills"])
    skill.refresh_from_db()
    return skill
