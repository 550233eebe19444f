"""Pages of tables that grow without end. Nothing here counts a whole table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

if TYPE_CHECKING:
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator

# Who looks for something older than this filters or searches.
MOST = 10_000
PER_PAGE = 100


class CappedPaginator(_Paginator):
    """Counts to MOST and no further, so that opening a list costs the same whatever the table holds."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, at most MOST."""
        rows = self.object_list
        return rows.order_by()[:MOST].count() if isinstance(rows, QuerySet) else len(rows)
