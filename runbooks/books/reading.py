"""Finding runs of runbooks on somebody's behalf. Runs of other work, such as a deploy, are found by that."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from clawsite.core.errors import NotAllowed
from runbooks.models import Run

MAX_ROWS = 100


def access_run(pk: int | str, *, owner: str | None) -> Run:
    """Return a run that this owner may see (None: sees all). One answer for what is absent and what is not theirs."""
    number = str(pk)
    known = number.isascii() and number.isdecimal() and len(number) < 18
    rows = _runs().filter(pk=int(number)) if known else Run.objects.none()
    run = (rows if owner is None else rows.filter(job__owner=owner)).first()
    if run is None:
        raise NotAllowed(_("There is no such run."))
    return run


def latest_runs(*, name: str = "", owner: str | None = None, limit: int = 20) -> list[Run]:
    """Return runs with their jobs, newest first."""
    rows = _runs().order_by("-pk")
    wanted = {"name": name or None, "job__owner": owner}
    rows = rows.filter(**{key: value for key, value in wanted.items() if value is not None})
    return list(rows[: max(1, min(limit, MAX_ROWS))])


def _runs() -> QuerySet[Run]:
    return Run.objects.select_related("job").filter(job__kind="runbook")
