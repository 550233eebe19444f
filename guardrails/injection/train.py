"""Train the classifier: `python -m guardrails.injection.train [PATH.jsonl ...]`, lines of text, label and source.

The committed own examples and the rules' examples are always part of the data. Standard library only.
Invariant: the same data give the same weights (fixed seed, fixed order).
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from guardrails.injection.classifier import BUCKETS, WEIGHTS, Model, features_of, logistic
from guardrails.injection.fold import fold
from guardrails.injection.phrases import Words
from guardrails.injection.rules import RULES, read_words

OWN = Path(__file__).parent / "data" / "own.jsonl"
EPOCHS = 30
RATE = 0.5
DECAY = 1e-4
SEED = 7
LONG_BENIGN = 60  # long benign texts made of short ones, so that length says nothing about the label
LONG_CHARS = 2_400


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One labelled text."""

    text: str
    label: int
    source: str


def read_rows(path: Path) -> list[Row]:
    """Read a JSON Lines file; raises KeyError or ValueError for a line that is not a row."""
    rows = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        if not line.strip():
            continue
        data = json.loads(line)
        rows.append(Row(text=str(data["text"]), label=int(data["label"]), source=str(data["source"])))
    return rows


def rule_rows() -> list[Row]:
    """The rules' examples as rows (markup examples are no language, so they teach nothing)."""
    rules = [rule for rule in RULES if rule.phrases]
    attacks = [Row(text=text, label=1, source=f"rules-{rule.language}") for rule in rules for text in rule.matches]
    benign = [Row(text=text, label=0, source=f"rules-{rule.language}") for rule in rules for text in rule.not_matches]
    return attacks + benign


def words_of(text: str) -> Words:
    """The words the classifier sees."""
    return read_words(fold(text))


def train(rows: Sequence[Row]) -> Model:
    """Fit a logistic regression with AdaGrad; attacks and benign texts weigh the same in total."""
    rng = random.Random(SEED)  # noqa: S311 - the order of training, no secret
    data = _samples(rows, rng)
    balance = [len(data) / (2 * max(1, sum(sample.label == label for sample in data))) for label in (0, 1)]
    weights, squares = [0.0] * BUCKETS, [1e-6] * BUCKETS
    bias, bias_square = 0.0, 1e-6
    for _ in range(EPOCHS):
        rng.shuffle(data)
        for sample in data:
            margin = bias + sample.norm * sum([weights[feature] for feature in sample.features])
            error = (logistic(margin) - sample.label) * balance[sample.label]
            bias_square += error * error
            bias -= RATE * error / math.sqrt(bias_square)
            for feature in sample.features:
                slope = error * sample.norm + DECAY * weights[feature]
                squares[feature] += slope * slope
                weights[feature] -= RATE * slope / math.sqrt(squares[feature])
    scale = max(map(abs, weights)) / 127
    return Model(bias=bias, scale=scale, weights=array("b", [round(weight / scale) for weight in weights]))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sample:
    features: tuple[int, ...]
    norm: float
    label: int


def _sample(features: set[int], label: int) -> _Sample:
    return _Sample(features=tuple(sorted(features)), norm=1 / math.sqrt(len(features) + 1), label=label)


def _samples(rows: Sequence[Row], rng: random.Random) -> list[_Sample]:
    """Every part of every text, and long benign texts made of short ones."""
    texts = [(row.text, row.label) for row in rows]
    benign = [row.text for row in rows if not row.label]
    for _ in range(LONG_BENIGN if benign else 0):
        size = rng.randint(LONG_CHARS // 4, LONG_CHARS)
        long = ""
        while len(long) < size:
            long += rng.choice(benign) + "\n"
        texts.append((long, 0))
    return [_sample(features, label) for text, label in texts for features in features_of(words_of(text))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train on the given files and the own examples, and write the weights."""
    parser = argparse.ArgumentParser(prog="python -m guardrails.injection.train", description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, help="further rows, JSON Lines")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args(arguments)
    rows = [row for path in [OWN, *options.paths] for row in read_rows(path)] + rule_rows()
    options.out.write_text(train(rows).dump(), encoding="utf-8")
    sys.stdout.write(f"{len(rows)} rows -> {options.out} ({options.out.stat().st_size} bytes)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
