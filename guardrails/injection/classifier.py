"""A small linear classifier for the style of attacks: words, word pairs and word lists in, a probability out. No numpy.

Invariant: weights are data (`data/weights.json`, made by `train.py`), loaded at first use; a missing or damaged file
is an error at once, never a classifier that silently says no. A text's features are a set, and the sum over them is
divided by the root of their number, so that length alone moves nothing.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from guardrails.injection.phrases import Words
from guardrails.injection.rules import slot_names

WEIGHTS = Path(__file__).parent / "data" / "weights.json"
BUCKETS = 1 << 17  # features are hashed: no word of the training texts is stored
WINDOW_WORDS = 320
STEP_WORDS = 240
STEM_CHARS = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A trained model: bias, and one small whole number for each bucket, times one scale."""

    bias: float
    scale: float
    weights: Sequence[int]

    def probability(self, features: set[int]) -> float:
        """Probability that a text with these features is an attack."""
        weights = self.weights
        total = sum([weights[feature] for feature in features])
        return logistic(self.bias + self.scale * total / math.sqrt(len(features) + 1))

    def dump(self) -> str:
        """The model as JSON text."""
        packed = base64.b64encode(zlib.compress(array("b", self.weights).tobytes(), 9)).decode("ascii")
        return json.dumps({"bias": round(self.bias, 5), "scale": self.scale, "weights": packed}, indent=0) + "\n"


def parse_model(text: str) -> Model:
    """Read what `Model.dump` wrote; raises KeyError or ValueError if it is damaged."""
    data = json.loads(text)
    weights = array("b", zlib.decompress(base64.b64decode(data["weights"], validate=True)))
    if len(weights) != BUCKETS:
        raise ValueError(f"expected {BUCKETS} weights, found {len(weights)}")
    return Model(bias=float(data["bias"]), scale=float(data["scale"]), weights=weights)


def logistic(margin: float) -> float:
    """The logistic function, cut where floats would overflow."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, margin))))


def features_of(words: Words) -> Iterator[set[int]]:
    """Yield the features of each part of a text; a short text is one part."""
    names = slot_names()
    stems = [token[:STEM_CHARS] for token in words.tokens]
    for start in range(0, max(1, len(stems) - (WINDOW_WORDS - STEP_WORDS)), STEP_WORDS):
        part = stems[start : start + WINDOW_WORDS]
        found = set(part)
        found.update([f"{a} {b}" for a, b in pairwise(part)])
        filled = set().union(*words.slots[start : start + WINDOW_WORDS])
        found.update([names[slot] for slot in filled if slot in names])
        yield {zlib.crc32(feature.encode()) % BUCKETS for feature in found}


def attack_probability(words: Words, *, model: Model | None = None) -> float:
    """The highest probability among the parts of a text; 0 for a text without words."""
    if not words.tokens:
        return 0.0
    chosen = model or load()
    return max(map(chosen.probability, features_of(words)))


@cache
def load() -> Model:
    """Read the committed weights; raises if they are not there or not readable."""
    return parse_model(WEIGHTS.read_text(encoding="utf-8"))
