"""Matchers of labels as people write them: `team=payments`, `env!=test`, with * for any text. Pure.

No regular expressions: whoever may subscribe a chat could otherwise keep the worker busy for ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from django.utils.translation import gettext as _

from clawsite.core.errors import BadInput

MATCHER = re.compile(r"([A-Za-z_][A-Za-z0-9_.:/-]{0,63})\s*(!=|=)\s*(.{0,200})", re.DOTALL)
MOST = 20


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; a label that is absent is an empty one."""

    name: str
    equal: bool
    pattern: str

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Tell whether labels fulfil it."""
        # In fnmatch brackets begin sets, and a question mark is any character; here they are text.
        pattern = self.pattern.replace("[", "[[]").replace("?", "[?]")
        return fnmatchcase(labels.get(self.name, ""), pattern) == self.equal

    def __str__(self) -> str:
        return f"{self.name}{'=' if self.equal else '!='}{self.pattern}"


def parse_matcher(text: str) -> Matcher:
    """Return a matcher; BadInput for a text that is none."""
    match = MATCHER.fullmatch(text.strip())
    if match is None:
        raise BadInput(
            _("“{text}” is not a condition. Write it as label=value or label!=value.").format(text=text[:60])
        )
    name, operator, pattern = match.groups()
    return Matcher(name=name, equal=operator == "=", pattern=pattern.strip().strip('"'))


def parse_matchers(texts: Iterable[str]) -> list[Matcher]:
    """Return several; BadInput for too many."""
    found = [parse_matcher(text) for text in texts]
    if len(found) > MOST:
        raise BadInput(_("A chat can have {count} conditions at most.").format(count=MOST))
    return found


def find_matcher_mistake(value: object) -> str:
    """Return what is wrong with the matchers of a row, or ""."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        return 'Write a list of texts, such as ["team=payments"].'
    try:
        parse_matchers(value)
    except BadInput as error:
        return error.message
    return ""
