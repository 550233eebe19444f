"""What a rule is: a named pattern with a family, a severity, and the examples that prove it.

Invariant: every rule carries texts it must match and texts it must leave alone; the tests run them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Family(StrEnum):
    """Kinds of evidence. Two hits are independent signals only if their families differ."""

    OVERRIDE = "override"
    EXTRACTION = "extraction"
    JAILBREAK = "jailbreak"
    DELIMITER = "delimiter"
    TOOL = "tool"
    EXFILTRATION = "exfiltration"
    OBFUSCATION = "obfuscation"
    STYLE = "style"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One rule. It hits where one of its phrases is met without a word of `unless` inside, or where `pattern` matches.

    `score` counts for text from outside; `chat`, if given, for what a person types to the bot. `raw` patterns read the
    original text (letter case, punctuation, encodings), others the folded copy.
    """

    id: str
    family: Family
    score: float
    chat: float | None = None
    phrases: tuple[str, ...] = ()
    unless: str = ""
    pattern: str = ""
    needs: tuple[str, ...] = ()
    matches: tuple[str, ...]
    not_matches: tuple[str, ...]

    @property
    def language(self) -> str:
        """The language of the rule's words (`en`, `pt`, `ru`) or `any`."""
        return self.id.partition(".")[0]
