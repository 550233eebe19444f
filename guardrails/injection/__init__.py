"""Prompt-injection detection: `detect` reads a text, `judge` says what follows. Plain Python, no Django."""

from __future__ import annotations

from guardrails.injection.detect import Detection, detect, judge, warm
from guardrails.injection.rule import Family
from guardrails.injection.rules import Hit, Strength

__all__ = ["Detection", "Family", "Hit", "Strength", "detect", "judge", "warm"]
