"""Installing a skill: read, checked, stored, and a row that is switched off until somebody has looked at it.

Nothing of the package is run or imported. Installing the same again changes nothing (and repairs the files); other
content under the same name is switched off again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from bots.commands import registry as _commands  # noqa: F401  fills the catalog that declarations are compared with
from bots.skills.declarations import FILE as TOOLS_FILE
from bots.skills.declarations import read_declarations
from bots.skills.declared import DeclaredTool
from bots.skills.folder import keep_only, locked, store
from bots.skills.manifest import FILE as SKILL_FILE
from bots.skills.manifest import Manifest, read_manifest
from bots.skills.offered import forget_cached
from bots.skills.package import Files, digest_of, read_package
from bots.skills.problems import Problems
from clawsite.core import audit
from clawsite.core.errors import BadInput, NotAllowed
from guardrails.types import Actor, Role
from sessions_app.models import Skill

BUILTIN = Path(__file__).parent / "builtin"


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """What an installation did. `warnings` are shown to whoever asked for it."""

    skill: Skill
    created: bool
    changed: bool
    warnings: tuple[str, ...]


def builtin_names() -> list[str]:
    """Return the skills that come with the product; their names can be installed like paths."""
    return sorted(path.name for path in BUILTIN.iterdir() if (path / SKILL_FILE).is_file())


def find_source(path: str) -> Path:
    """Return the folder that a path, or the name of a skill that comes with the product, stands for."""
    given = Path(path).expanduser()
    if not given.exists() and path in builtin_names():
        return BUILTIN / path
    try:
        return given.resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        known = ", ".join(builtin_names())
        raise BadInput(f"There is no folder {path!r}. Skills that come with clawsite: {known}.") from None


def install_skill(source: Path, *, actor: Actor, origin: str = "") -> Installed:
    """Install a folder. Raises BadInput with everything that is wrong with it, and NotAllowed for who is no admin."""
    if not actor.is_at_least(Role.ADMIN):
        raise NotAllowed("Only an admin may do this.")
    files = read_package(source)
    problems = Problems()
    manifest = read_manifest(files.get(SKILL_FILE), folder=source.name, problems=problems)
    allowed = manifest.allowed_tools if manifest else ()
    name = manifest.name if manifest else ""
    tools = read_declarations(files.get(TOOLS_FILE), skill=name, allowed=allowed, problems=problems)
    problems.check()
    assert manifest is not None  # noqa: S101  a manifest that could not be read is a problem
    with locked():
        return _install(manifest, tools, files, source=source, actor=actor, origin=origin, problems=problems)


def _install(
    manifest: Manifest,
    tools: tuple[DeclaredTool, ...],
    files: Files,
    *,
    source: Path,
    actor: Actor,
    origin: str,
    problems: Problems,
) -> Installed:
    digest = digest_of(files)
    store(manifest.name, files)
    with transaction.atomic():
        before = Skill.objects.select_for_update().filter(name=manifest.name).first()
        changed = before is None or before.digest != digest
        skill = before or Skill(name=manifest.name)
        if changed:
            _fill(skill, manifest, tools, files, digest=digest, actor=actor)
        skill.source, skill.off_reason = str(source)[:300], ""
        skill.save()
        audit.record("skill.install", actor=actor.subject, subject=f"skill:{skill.pk}", origin=origin, digest=digest)
    keep_only(skill.name, digest)
    forget_cached()
    return Installed(skill=skill, created=before is None, changed=changed, warnings=tuple(problems.warnings))


def _fill(
    skill: Skill, manifest: Manifest, tools: tuple[DeclaredTool, ...], files: Files, *, digest: str, actor: Actor
) -> None:
    skill.description, skill.license, skill.body = manifest.description, manifest.license, manifest.body
    skill.metadata, skill.allowed_tools = dict(manifest.metadata), list(manifest.allowed_tools)
    skill.tools = [tool.to_json() for tool in tools]
    skill.files = [{"name": path, "size": len(content)} for path, content in files.items()]
    skill.findings, skill.digest = list(manifest.findings), digest
    skill.enabled, skill.enabled_by, skill.enabled_at = False, "", None
    skill.installed_by, skill.installed_at = actor.subject, timezone.now()
