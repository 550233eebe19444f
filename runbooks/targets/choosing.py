"""Which gateway a job goes to: the one that is named, or the best of those that fit what is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

import msgspec
from django.db.models import Count
from msgspec import Meta

from clawsite.core.errors import BadInput
from clawsite.rpc.errors import BadTarget
from clawsite.rpc.selection import Wanted, fits, rank
from clawsite.rpc.target import GatewayTarget as Target
from runbooks.models import GatewayTarget, Job
from runbooks.targets.rows import to_target

Text = Annotated[str, Meta(max_length=200)]


class Selection(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What a gateway must have. kind: of task, as the job's when empty.

    policy: `load` takes the least loaded for its capacity, `order` the first by name that has room.
    """

    repo: Text = ""
    labels: Annotated[list[Text], Meta(max_length=50)] = []
    kind: Text = ""
    policy: Literal["load", "order"] = "load"

    def wanted(self) -> Wanted:
        """Return it as the client's registry understands it."""
        return Wanted(repository=self.repo, labels=frozenset(self.labels), kind=self.kind)


def parse_selection(given: Mapping[str, Any], *, kind: str) -> Selection:
    """Return a checked selection for a job of this kind; BadInput says what is wrong with it."""
    try:
        selection = msgspec.convert(dict(given), Selection)
    except msgspec.ValidationError as error:
        raise BadInput(f"select is not right: {error}.") from None
    selection.kind = selection.kind or kind
    return selection


def choose_target(name: str, selection: Selection | None, *, kind: str) -> str:
    """Return the name of the gateway for a new job; BadInput says why there is none."""
    if selection is None:
        return _find_named(name, kind)
    rows = list(GatewayTarget.objects.filter(enabled=True))
    found = best(rows, selection, load=count_load())
    if found is None:
        raise BadInput(_say_missing(usable(rows), selection.wanted()))
    return found


def _find_named(name: str, kind: str) -> str:
    row = GatewayTarget.objects.filter(name=name).defer("token").first()
    if row is None:
        raise BadInput(f"There is no gateway named {name[:64]!r}.")
    if not row.enabled:
        raise BadInput(f"The gateway {row.name} is switched off.")
    if row.kinds and kind not in row.kinds:
        raise BadInput(f"The gateway {row.name} takes no jobs of the kind {kind}.")
    return row.name


def best(
    rows: Collection[GatewayTarget], selection: Selection, *, load: Mapping[str, int], without: Collection[str] = ()
) -> str | None:
    """Return the best gateway that fits: one that is up and has room, else one that is up, else any; None: none."""
    targets = [target for target in usable(rows) if target.id not in without and fits(target, selection.wanted())]
    up = {row.name for row in rows if row.away_since is None}
    for group in ([target for target in targets if target.id in up], targets):
        ranked = _ranked(group, selection, load)
        if ranked:
            return ranked[0].id
    return None


def _ranked(targets: list[Target], selection: Selection, load: Mapping[str, int]) -> list[Target]:
    """Return the targets, best first; when all are full, those that are least so."""
    having_room = rank(targets, selection.wanted(), load=lambda target_id: load.get(target_id, 0))
    if selection.policy == "order":
        having_room.sort(key=lambda target: target.id)
    return having_room or sorted(targets, key=lambda target: (load.get(target.id, 0) / target.capacity, target.id))


def usable(rows: Collection[GatewayTarget]) -> list[Target]:
    """Return the targets of the rows that hold what can be used."""
    found = []
    for row in rows:
        try:
            found.append(to_target(row))
        except BadTarget:
            continue
    return found


def count_load() -> dict[str, int]:
    """Return how many jobs are sent, or wait to be sent, to each gateway."""
    sent = Job.objects.filter(remote_open=True)
    waiting = Job.objects.elsewhere().filter(state=Job.State.QUEUED, remote_open=False)
    load: Counter[str] = Counter()
    for rows in (sent, waiting):  # each has its index; together they would read every job there ever was
        load.update(dict(rows.order_by().values_list("target").annotate(Count("pk"))))
    return load


def _say_missing(targets: list[Target], wanted: Wanted) -> str:
    """Say what no gateway has; or that none has it all."""
    if not targets:
        return "There is no gateway to send jobs to; an admin adds them or switches them on."
    alone = [Wanted(repository=wanted.repository)] if wanted.repository else []
    alone += [Wanted(labels=frozenset({label})) for label in sorted(wanted.labels)]
    alone += [Wanted(kind=wanted.kind)] if wanted.kind else []
    missing = [str(each) for each in alone if not any(fits(target, each) for target in targets)]
    if missing:
        return f"No gateway is there for {', '.join(missing)}."
    return f"No one gateway is there for {wanted} together."
