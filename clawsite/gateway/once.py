"""What is told once: that something began and that it is over, whenever and however often its row is looked at."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

MOST_KEPT = 1024


class Once:
    """Remembers of the newest things what was told of them."""

    def __init__(self) -> None:
        self._over: OrderedDict[Hashable, bool] = OrderedDict()

    def is_news(self, key: Hashable, *, over: bool) -> bool:
        """Tell whether this is to be told, and take it for told: nothing is after the end, and nothing twice."""
        if self._over.get(key) in (True, over):
            return False
        self._over[key] = over
        if len(self._over) > MOST_KEPT:
            self._over.popitem(last=False)
        return True
