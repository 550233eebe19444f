"""The names under which a chain lies in a store: `log/CHAIN/NUMBER-MOMENT.seg` and `.snap`.

Moments are milliseconds since the epoch, so that names alone tell what a recovery needs. Chains are named after the
moment at which they began. What is newer is told by chain and number; a moment is only what the clock said, which may
have been set back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

PREFIX = "log/"
Kind = Literal["seg", "snap"]
_NAME = re.compile(r"log/([0-9]{13}-[0-9a-f]{8})/([0-9]{9})-([0-9]{13})\.(seg|snap)")


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Part:
    """One stored thing: the segment with this number, or the whole database as it was after it."""

    chain: str
    number: int
    moment: int
    kind: Kind
    size: int = 0

    @property
    def name(self) -> str:
        """Its name in a store."""
        return f"{PREFIX}{self.chain}/{self.number:09d}-{self.moment:013d}.{self.kind}"


def find_part(name: str, *, size: int = 0) -> Part | None:
    """Return what a name stands for, None for a name that is none of these."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    chain, number, moment, kind = found.groups()
    return Part(chain=chain, number=int(number), moment=int(moment), kind="seg" if kind == "seg" else "snap", size=size)


def only(kind: Kind, parts: Iterable[Part]) -> list[Part]:
    """Return the parts of a kind in their order."""
    return sorted(part for part in parts if part.kind == kind)


def as_they_came(parts: Iterable[Part]) -> list[Part]:
    """Return parts in the order in which they were made, whatever the clock said: a snapshot comes after its segment.

    Of what a machine made anew, when its disk had gone back to an older state, the moments say the order.
    """
    return sorted(parts, key=lambda part: (part.chain, part.number, part.kind, part.moment))
