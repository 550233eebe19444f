"""Which gateways fit a piece of work, best first. Pure functions of what is known now."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from clawsite.rpc.target import GatewayTarget


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a piece of work needs: a gateway that may touch this repository, has all labels, takes this kind."""

    repository: str = ""
    labels: frozenset[str] = frozenset()
    kind: str = ""

    def __str__(self) -> str:
        """Say it in words, for errors."""
        parts = [f"the repository {self.repository}"] if self.repository else []
        parts += [f"the label {label}" for label in sorted(self.labels)]
        parts += [f"tasks of the kind {self.kind}"] if self.kind else []
        return " and ".join(parts) or "anything"


ANYTHING = Wanted()


def fits(target: GatewayTarget, wanted: Wanted) -> bool:
    """Tell whether a gateway may and can do this. A gateway without kinds takes all of them."""
    may = not wanted.repository or any(fnmatchcase(wanted.repository, pattern) for pattern in target.allowed_repos)
    return (
        may and wanted.labels <= target.labels and (not wanted.kind or not target.kinds or wanted.kind in target.kinds)
    )


def rank(targets: Iterable[GatewayTarget], wanted: Wanted, *, load: Callable[[str], int]) -> list[GatewayTarget]:
    """Return the gateways that fit and have room, the least loaded first, then by id.

    load: jobs in flight at a gateway. Those made for this kind come before those that take any, at the same load.
    """
    having_room = [target for target in targets if fits(target, wanted) and load(target.id) < target.capacity]
    return sorted(
        having_room, key=lambda target: (load(target.id) / target.capacity, wanted.kind not in target.kinds, target.id)
    )
