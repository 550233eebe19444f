"""The skills that are switched on, kept in memory for moments; one whose files changed is switched off here."""

from __future__ import annotations

import time
from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from bots.skills.folder import folder_of, is_unchanged
from bots.skills.package import fingerprint_of
from clawsite.core import audit
from clawsite.core.errors import BadInput, NotAllowed
from sessions_app.models import Session, Skill

FRESH_SECONDS = 3.0
CHANGED = gettext_noop("Its files are no longer those that were installed. Look at them and install it again.")

_cached: tuple[float, tuple[Skill, ...]] | None = None
# Digest of an installed skill -> the fingerprint of its folder when its files were last compared with it.
_compared: dict[tuple[str, str], str] = {}


def forget_cached() -> None:
    """Let the next look read the rows again, instead of within FRESH_SECONDS."""
    global _cached
    _cached = None


def list_enabled() -> tuple[Skill, ...]:
    """Return what an admin has switched on, by name (one query within FRESH_SECONDS)."""
    global _cached
    now = time.monotonic()
    if _cached is None or now - _cached[0] > FRESH_SECONDS:
        _cached = (now, tuple(Skill.objects.filter(enabled=True).order_by("name")))
    return _cached[1]


def list_active(session: Session) -> list[Skill]:
    """Return what is on in a conversation and still as it was installed."""
    return [skill for skill in list_enabled() if skill.pk in session.skills and check_files(skill)]


def check_files(skill: Skill) -> bool:
    """Tell whether a skill's files are still those that were looked at; if not, switch it off.

    Only when something in the folder was written since the last look are the files read.
    """
    key = (skill.name, skill.digest)
    try:
        seen = fingerprint_of(folder_of(*key))
    except (BadInput, OSError):
        seen = ""
    if seen and _compared.get(key) == seen:
        return True
    if seen and is_unchanged(*key):
        _compared[key] = seen
        return True
    _switch_off(skill)
    return False


def _switch_off(skill: Skill) -> None:
    with transaction.atomic():
        rows = Skill.objects.filter(pk=skill.pk, digest=skill.digest, enabled=True)
        if rows.update(enabled=False, off_reason=CHANGED):
            audit.record("skill.changed", actor="system", subject=f"skill:{skill.pk}", name=skill.name)
    forget_cached()


def access_skill(pk: int, session_id: int, *, digest: str) -> Skill:
    """Return a skill that may be used in a conversation now, from its row; one answer for all that may not."""
    skill = Skill.objects.filter(pk=pk, digest=digest, enabled=True).first()
    active = Session.objects.values_list("skills", flat=True).get(pk=session_id)
    if skill is None or pk not in active or not check_files(skill):
        raise NotAllowed(_("This skill is not on here any more."))
    return skill


def set_active(session: Session, skill: Skill, *, on: bool) -> bool:
    """Switch a skill on or off in one conversation; False when it was so already. In the caller's transaction."""
    row = Session.objects.select_for_update().only("skills").get(pk=session.pk)
    kept: Sequence[int] = [pk for pk in row.skills if pk != skill.pk]
    wanted = sorted([*kept, skill.pk] if on else kept)
    session.skills = wanted
    return bool(wanted != row.skills and Session.objects.filter(pk=session.pk).update(skills=wanted))
