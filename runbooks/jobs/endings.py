"""What else is to be done when a job of a kind ends, on whichever way it ends: one function for each kind.

It runs in the transaction that ends the job. Should it fail, the job ends all the same.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

from clawsite.core.errors import log_unknown
from runbooks.models import Job

Ended = Callable[[Job], None]

_functions: dict[str, Ended] = {}


def on_end(kind: str, function: Ended) -> None:
    """Have a function called with every job of a kind that has ended."""
    _functions[kind] = function


def tell_end(job: Job) -> None:
    """Call the function of the job's kind, if it has one and the job ran here."""
    function = _functions.get(job.kind)
    if function is None or job.target:
        return
    try:
        with transaction.atomic():
            function(job)
    except Exception as error:  # code of a kind: whatever it does, the job has ended
        log_unknown(error, where=f"the end of a job of the kind {job.kind}")
