"""Who knows of which outside services: each layer adds what it uses, so that one list holds them all.

A service is in the list because it is in use, whether or not it was ever asked; one that is not in use any more is
not, whatever its row says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from django.utils import timezone

from clawsite.core.errors import log_unknown
from clawsite.core.models import ServiceState
from clawsite.core.services.values import ServiceReport, report_row

# Returns the services of one kind that are in use; quick, reads rows only.
Read = Callable[[datetime], Iterable[ServiceReport]]

_kinds: dict[str, Read] = {}


def register_services(kind: str, read: Read) -> None:
    """Add the services of a kind whose state is kept elsewhere, or replace those of that kind."""
    _kinds[kind] = read


def register_service(kind: str, names: Callable[[], Iterable[str]]) -> None:
    """Add the services of a kind whose state is here: `names` returns those in use."""
    register_services(kind, lambda now: states_of(kind, list(names()), now=now))


def states_of(
    kind: str, names: Sequence[str], *, now: datetime, fallbacks: Mapping[str, str] | None = None
) -> list[ServiceReport]:
    """Return the reports of services whose state is here, in one query; one that was never asked is closed."""
    found = {row.name: row for row in ServiceState.objects.filter(kind=kind, name__in=[name[:200] for name in names])}
    instead = fallbacks or {}
    rows = [(name, found.get(name[:200]) or ServiceState(kind=kind, name=name)) for name in names]
    return [
        report_row(kind, name, row, now=now, error_kind=row.error_kind, fallback=instead.get(name, ""))
        for name, row in rows
    ]


def report(now: datetime | None = None) -> list[ServiceReport]:
    """Return every outside service in use, by kind and name. A kind that cannot be read hides no other."""
    moment = now or timezone.now()
    found: list[ServiceReport] = []
    for kind, read in _kinds.items():
        try:
            found += read(moment)
        except Exception as error:
            log_unknown(error, where=f"the services of kind {kind}")
    return sorted(found, key=lambda each: (each.kind, each.name))
