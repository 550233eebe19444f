"""How often the detector of anomalies is right, by shape of series; `python -m tests.bench anomalies` prints it."""

from __future__ import annotations

from tests.bench.markdown import markdown
from tests.runbooks.anomalies.labelled import all_series
from tests.runbooks.anomalies.scoring import Score, score_all

SEEDS = 20


def to_anomalies_table(seeds: int = SEEDS) -> str:
    """Precision and recall for each shape and for all of them, as a Markdown table."""
    scores = score_all(all_series(seeds))
    total = Score()
    for score in scores.values():
        total.add(score)
    rows = [_row(shape, score) for shape, score in [*scores.items(), ("all", total)]]
    return markdown(("series", "incidents", "found", "false alarms", "precision", "recall"), rows)


def _row(shape: str, score: Score) -> tuple[str, ...]:
    incidents = score.found + score.missed
    precision = f"{score.precision:.2f}" if score.right + score.wrong else "-"
    recall = f"{score.recall:.2f}" if incidents else "-"
    return shape, str(incidents), str(score.found), str(score.wrong), precision, recall
