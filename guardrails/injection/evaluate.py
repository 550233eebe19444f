"""Measure the detector: `python -m guardrails.injection.evaluate PATH.jsonl ... [--own] [--cross-validate]`.

Prints a Markdown table by source: recall (label 1) or false alarms (label 0) at warn and at block, for both strengths,
and the time per check. With --cross-validate the classifier that judges a text was trained without it and without its
near copies (groups of texts that share word runs stay together); without, the committed weights judge.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from guardrails.injection import detect, judge, warm
from guardrails.injection.classifier import Model
from guardrails.injection.rules import Strength
from guardrails.injection.train import OWN, Row, read_rows, rule_rows, train, words_of
from guardrails.types import Action

FOLDS = 5
SEED = 1
SHINGLE_WORDS = 5
NEAR_COPY = 0.15  # share of the shorter text's word runs that two texts of one group have in common


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How one text was judged at each strength, and how long the chat check took."""

    row: Row
    actions: Mapping[Strength, Action]
    seconds: float


def groups_of(rows: Sequence[Row]) -> list[int]:
    """Give every row the number of its group of near copies."""
    shingles = [_shingles(row.text) for row in rows]
    parent = list(range(len(rows)))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    for i, mine in enumerate(shingles):
        for j in range(i):
            if len(mine & shingles[j]) > NEAR_COPY * min(len(mine), len(shingles[j])):
                parent[root(i)] = root(j)
    return [root(i) for i in range(len(rows))]


def cross_validated_models(rows: Sequence[Row]) -> list[Model]:
    """For each row a model that saw neither the row nor its group. The own examples and the rules' are trained on."""
    groups = groups_of(rows)
    order = sorted(set(groups))
    random.Random(SEED).shuffle(order)  # noqa: S311 - folds of a measurement, no secret
    fold_of = {group: n % FOLDS for n, group in enumerate(order)}
    folds = [fold_of[group] for group in groups]
    always = rule_rows() + _own_not_in(rows)
    models = [train([row for row, fold in zip(rows, folds, strict=True) if fold != k] + always) for k in range(FOLDS)]
    return [models[fold] for fold in folds]


def measure(rows: Sequence[Row], *, models: Sequence[Model | None]) -> list[Outcome]:
    """Judge every row with its model."""
    outcomes = []
    for row, model in zip(rows, models, strict=True):
        started = time.perf_counter()
        chat = detect(row.text, model=model)
        seconds = time.perf_counter() - started
        full = detect(row.text, strength=Strength.FULL, model=model)
        actions = {Strength.CHAT: judge(chat), Strength.FULL: judge(full, strength=Strength.FULL)}
        outcomes.append(Outcome(row=row, actions=actions, seconds=seconds))
    return outcomes


def table(outcomes: Sequence[Outcome]) -> str:
    """The Markdown table, one line per source."""
    by_source: dict[tuple[int, str], list[Outcome]] = {}
    for outcome in outcomes:
        by_source.setdefault((-outcome.row.label, outcome.row.source), []).append(outcome)
    lines = [
        "| source | rows | measured | chat warn | chat block | full warn | full block | median µs | p95 µs |",
        "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for (label, source), some in sorted(by_source.items(), key=lambda item: item[0]):
        rates = [_rate(some, strength, block=block) for strength in Strength for block in (False, True)]
        times = sorted(outcome.seconds * 1e6 for outcome in some)
        cells = [source, str(len(some)), "recall" if label else "false alarms", *(f"{rate:.1%}" for rate in rates)]
        cells += [f"{statistics.median(times):.0f}", f"{times[int(0.95 * (len(times) - 1))]:.0f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _rate(outcomes: Sequence[Outcome], strength: Strength, *, block: bool) -> float:
    wanted = {Action.BLOCK} if block else {Action.BLOCK, Action.WARN}
    return sum(outcome.actions[strength] in wanted for outcome in outcomes) / len(outcomes)


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = words_of(text).tokens
    runs = {words[i : i + SHINGLE_WORDS] for i in range(len(words) - SHINGLE_WORDS + 1)}
    return runs or {words}


def _own_not_in(rows: Sequence[Row]) -> list[Row]:
    texts = {row.text for row in rows}
    return [row for row in read_rows(OWN) if row.text not in texts]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table for the given files."""
    parser = argparse.ArgumentParser(prog="python -m guardrails.injection.evaluate", description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, help="rows to judge, JSON Lines")
    parser.add_argument("--own", action="store_true", help="judge the committed own examples too")
    parser.add_argument("--cross-validate", action="store_true", help="train without the text that is judged")
    options = parser.parse_args(arguments)
    paths = [*options.paths, *([OWN] if options.own else [])]
    if not paths:
        parser.error("give at least one file, or --own")
    rows = [row for path in paths for row in read_rows(path)]
    warm()
    models = cross_validated_models(rows) if options.cross_validate else [None] * len(rows)
    sys.stdout.write(table(measure(rows, models=models)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
