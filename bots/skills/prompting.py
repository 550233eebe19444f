"""What the model is told of skills, within the budget of the skills layer. Pure.

Names and descriptions of all that are switched on come first; then the instructions of those that are on in this
conversation, as far as there is room. The rest is read with read_skill when it is needed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sessions_app import tokens
from sessions_app.models import Skill

_INTRO = (
    "Skills are instructions that an admin of this installation has read and switched on. Those marked (on) hold in "
    "this conversation. When a request fits the description of another one, read it with read_skill; its tools can be "
    "used only after an operator wrote /skills on NAME."
)
# Descriptions are cut to so many characters until the list takes no more than half of the budget.
_CUTS = (1024, 300, 100, 0)
# Tokens that the marks around instructions take, and so few that a beginning would help nobody.
_MARKS, _LEAST_BODY = 60, 160


def write_skills(enabled: Sequence[Skill], active: Collection[int], *, budget: int) -> str:
    """Return the text of the layer, "" without skills. `budget` is in tokens before the session's ratio."""
    if not enabled:
        return ""
    parts, left = [_write_list(enabled, active, room=budget // 2)], []
    room = budget - tokens.estimate(parts[0])
    for skill in (each for each in enabled if each.pk in active):
        part = _write_body(skill, room=room)
        room -= tokens.estimate(part)
        parts += [part] if part else []
        left += [] if part else [skill.name]
    if left:
        parts.append(f"No room for these; read them with read_skill before you use them: {', '.join(left)}.")
    return "\n\n".join(parts)


def _write_list(enabled: Sequence[Skill], active: Collection[int], *, room: int) -> str:
    text = ""
    for limit in _CUTS:
        lines = [_line(skill, on=skill.pk in active, limit=limit) for skill in enabled]
        text = "\n".join([_INTRO, *lines])
        if tokens.estimate(text) <= room:
            break
    return text


def _line(skill: Skill, *, on: bool, limit: int) -> str:
    about = skill.description if len(skill.description) <= limit else f"{skill.description[:limit].rstrip()}…"
    return f"- {skill.name}{' (on)' if on else ''}" + (f": {about}" if limit else "")


def _write_body(skill: Skill, *, room: int) -> str:
    """Return the instructions in a block that they cannot close, their beginning and where to go on, or ""."""
    body = skill.body.replace("</skill", "< /skill")
    whole = f'<skill name="{skill.name}">\n{body}\n</skill>'
    if tokens.estimate(whole) <= room:
        return whole
    begun = tokens.cut(body, room - _MARKS).removesuffix("…") if room > _LEAST_BODY else ""
    if not begun:
        return ""
    rest = f"[cut here; read_skill with name {skill.name} and start {len(begun)} gives the rest]"
    return f'<skill name="{skill.name}">\n{begun}\n{rest}\n</skill>'
