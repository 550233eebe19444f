"""The three severities, and the words for them that people put into labels. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from runbooks.models import AlertGroup

Severity = AlertGroup.Severity

_WORDS = {
    Severity.CRITICAL: "critical crit page emergency fatal disaster alert p0 p1 sev0 sev1 1",
    Severity.WARNING: "warning warn high error err major medium average minor p2 p3 sev2 sev3 2 3",
    Severity.INFO: "info information informational low notice none debug ok p4 p5 sev4 sev5 4 5",
}
_BY_WORD = {word: severity for severity, words in _WORDS.items() for word in words.split()}
_RANK = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


def severity_of(labels: Mapping[str, str]) -> Severity:
    """Return the severity that labels name: information without a label, a warning for a word nobody knows."""
    word = labels.get("severity", "").strip().lower()
    return _BY_WORD.get(word, Severity.WARNING) if word else Severity.INFO


def read_severity(word: str) -> Severity | None:
    """Return the severity that an alert's own word stands for, None where it has no word."""
    return severity_of({"severity": word}) if word.strip() else None


def worst_first(severity: str | None) -> int:
    """Return the place of a severity in a list, what has none coming last."""
    return -_RANK[Severity(severity)] if severity else 1


def is_at_least(severity: str, least: str) -> bool:
    """Tell whether a severity is as bad as another, or worse."""
    return _RANK[Severity(severity)] >= _RANK[Severity(least)]


def worst(severities: Iterable[str]) -> Severity:
    """Return the worst of them (information when there is none)."""
    return max(map(Severity, severities), key=_RANK.__getitem__, default=Severity.INFO)


def find_severity(word: str) -> Severity | None:
    """Return the severity that a person means by a word, or None."""
    return _BY_WORD.get(word.strip().lower())
