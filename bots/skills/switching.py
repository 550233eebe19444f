"""An admin's decisions on an installed skill: switch it on after reading it, off, or take it away for good."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from bots.skills.folder import keep_only, locked
from bots.skills.offered import check_files, forget_cached
from clawsite.core import audit
from clawsite.core.errors import BadInput, NotAllowed
from guardrails.types import Actor, Role
from sessions_app.models import Skill


def find_skill(name: str) -> Skill:
    """Return a skill by its name; raise BadInput that lists those there are."""
    skill = Skill.objects.filter(name=name).first()
    if skill is None:
        known = ", ".join(Skill.objects.order_by("name").values_list("name", flat=True)) or _("none")
        raise BadInput(_("There is no skill {name}. Installed: {known}.").format(name=repr(name[:64]), known=known))
    return skill


def enable_skill(skill: Skill, *, digest: str, actor: Actor, origin: str = "") -> None:
    """Switch a skill on. `digest` is that of what the actor was shown: other content is not switched on by it."""
    _check_admin(actor)
    anew = BadInput(_("This skill was installed anew meanwhile. Look at it again."))
    if not Skill.objects.filter(pk=skill.pk, digest=digest).exists():
        raise anew
    if not check_files(skill):
        raise BadInput(_("The files of this skill are not those that were installed. Install it again."))
    with transaction.atomic():
        rows = Skill.objects.filter(pk=skill.pk, digest=digest)
        if not rows.update(enabled=True, off_reason="", enabled_by=actor.subject, enabled_at=timezone.now()):
            raise anew
        audit.record("skill.enable", actor=actor.subject, subject=f"skill:{skill.pk}", origin=origin, digest=digest)
    forget_cached()


def disable_skill(skill: Skill, *, actor: Actor, origin: str = "") -> None:
    """Switch a skill off everywhere; conversations keep that they had it on."""
    _check_admin(actor)
    with transaction.atomic():
        Skill.objects.filter(pk=skill.pk).update(enabled=False, off_reason="")
        audit.record("skill.disable", actor=actor.subject, subject=f"skill:{skill.pk}", origin=origin)
    forget_cached()


def remove_skill(skill: Skill, *, actor: Actor, origin: str = "") -> None:
    """Remove a skill and its files; installed again it is on nowhere."""
    _check_admin(actor)
    with locked():
        with transaction.atomic():
            audit.record(
                "skill.remove", actor=actor.subject, subject=f"skill:{skill.pk}", origin=origin, name=skill.name
            )
            Skill.objects.filter(pk=skill.pk).delete()
        keep_only(skill.name)
    forget_cached()


def _check_admin(actor: Actor) -> None:
    if not actor.is_at_least(Role.ADMIN):
        raise NotAllowed(_("Only an admin may do this."))
