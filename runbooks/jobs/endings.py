"""What else is to be done when a job ends, on whichever way it ends: a function for each kind, and some for all.

They run in the transaction that ends the job. Should one fail, the job ends all the same, unless it failed by a
database that may answer in a moment: then the whole transaction is tried again.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

from clawsite.core.dbtrouble import is_passing
from clawsite.core.errors import log_unknown
from runbooks.models import Job

Ended = Callable[[Job], None]

_functions: dict[str, Ended] = {}
_always: list[Ended] = []


def on_end(kind: str, function: Ended) -> None:
    """Have a function called with every job of a kind that has ended."""
    _functions[kind] = function


def on_any_end(function: Ended) -> None:
    """Have a function called with every job that has ended, after that of its kind."""
    if function not in _always:
        _always.append(function)


def find_end(kind: str) -> Ended:
    """Return the function of a kind; one that does nothing where there is none."""
    return _functions.get(kind, _nothing)


def _nothing(job: Job) -> None:
    """Stand for what a kind does not ask for."""


def tell_end(job: Job) -> None:
    """Call the function of the job's kind, if it has one, and those for all jobs, for a job that ran here."""
    if job.target:
        return
    own = _functions.get(job.kind)
    for function in [own, *_always] if own is not None else _always:
        _tell(function, job)


def _tell(function: Ended, job: Job) -> None:
    try:
        with transaction.atomic():
            function(job)
    except Exception as error:  # code of a kind: whatever it does, the job has ended
        if is_passing(error):
            raise
        log_unknown(error, where=f"the end of a job of the kind {job.kind}")
