"""How much time lies behind each part of a log. The parts tell it themselves, for a clock may jump.

While the log is copied parts follow each other, so between two of them no more time is believed to have passed than
they are apart at most. A clock that jumps to another year and back ages nothing by more than that; one that is set back
makes nothing younger. What was not copied, as while a machine is off, does not count either: it only keeps more.
"""

from __future__ import annotations

from collections.abc import Sequence


def ages(moments: Sequence[int], *, most: int) -> list[int]:
    """Return what has passed since each moment, in the order in which they came; `most`: from one to the next."""
    found, age = [0] * len(moments), 0
    for index in range(len(moments) - 2, -1, -1):
        age += min(most, max(0, moments[index + 1] - moments[index]))
        found[index] = age
    return found
