"""Counts how often the detector is right on labelled series, one incident at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runbooks.anomalies.detector import scan
from runbooks.anomalies.values import Finding, rules_for
from tests.runbooks.anomalies.labelled import Label, Labelled

# A finding may begin or end a little before or after its incident; in steps, and in seconds.
SLACK_STEPS = 6
SLACK_SECONDS = 1800.0


@dataclass(kw_only=True)
class Score:
    """How many findings were right or wrong, and how many incidents were found or missed."""

    right: int = 0
    wrong: int = 0
    found: int = 0
    missed: int = 0
    named: int = 0

    @property
    def precision(self) -> float:
        """The share of findings that are about an incident."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """The share of incidents that were found."""
        return self.found / (self.found + self.missed) if self.found + self.missed else 1.0

    def add(self, other: Score) -> None:
        """Count another series in."""
        for name in ("right", "wrong", "found", "missed", "named"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def score_series(series: Labelled) -> Score:
    """Let the detector go over one series and count."""
    found = scan(series.points, step=series.step, start=series.start, end=series.end, rules=rules_for(series.unit))
    return compare(found, series.labels, step=series.step)


def compare(found: Sequence[Finding], labels: Sequence[Label], *, step: float) -> Score:
    """A finding is right when it lies within one incident, slack aside; an incident is found when one is about it."""
    slack = max(SLACK_SECONDS, SLACK_STEPS * step)
    score = Score()
    for finding in found:
        about = any(_is_about(finding, label, slack=slack) for label in labels)
        score.right += about
        score.wrong += not about
    for label in labels:
        hits = [finding for finding in found if _is_about(finding, label, slack=slack)]
        score.found += bool(hits)
        score.missed += not hits
        score.named += any(finding.kind == label.kind for finding in hits)
    return score


def _is_about(finding: Finding, label: Label, *, slack: float) -> bool:
    overlaps = finding.started_at < label.end and label.start < finding.ended_at
    return overlaps and finding.started_at >= label.start - slack and finding.ended_at <= label.end + slack


def score_all(series: Iterable[Labelled]) -> dict[str, Score]:
    """Return the scores by shape."""
    scores: dict[str, Score] = {}
    for each in series:
        scores.setdefault(each.shape, Score()).add(score_series(each))
    return scores
