"""The doctor: looks at everything that commonly goes wrong, says what to do about it, and mends what is safe to mend.

Each examination yields findings; one that fails itself is a finding too, so one broken part hides no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from django.db import DatabaseError

from clawsite.core.dbtrouble import explain, is_known, is_trouble
from clawsite.core.errors import log_unknown
from clawsite.ops.doctor import channels, copying, data, files, network, setup, versions, work
from clawsite.ops.doctor.finding import Finding, Level, bad

__all__ = ["EXAMINATIONS", "Finding", "Level", "examine", "mend"]

Examination = Callable[[], Iterator[Finding]]

EXAMINATIONS: dict[str, Examination] = {
    "settings": setup.examine,
    "files": files.examine,
    "disk": files.examine_disk,
    "versions": versions.examine,
    "network": network.examine,
    "machine": network.examine_machine,
    "database": data.examine,
    "clock": data.examine_clock,
    "processes": work.examine,
    "schedules": work.examine_schedules,
    "backups": work.examine_backups,
    "log": copying.examine,
    "config": work.examine_config,
    "sandbox": work.examine_sandbox,
    "tokens": channels.examine_tokens,
    "channels": channels.examine,
}
# These ask services outside of this machine.
ONLINE = frozenset({"channels"})


def examine(*, online: bool = True) -> list[Finding]:
    """Look at everything. `online=False` asks nobody outside of this machine."""
    names = [name for name in EXAMINATIONS if online or name not in ONLINE]
    # A database that does not answer hinders many, and is told once.
    return list(dict.fromkeys(found for name in names for found in _examine(name)))


def _examine(name: str) -> list[Finding]:
    try:
        return list(EXAMINATIONS[name]())
    except Exception as error:
        if isinstance(error, DatabaseError) and is_trouble(error) and is_known(error):
            return [bad(data.AREA, explain(error), "Nothing that needs the database could be looked at.")]
        error_id = log_unknown(error, where=f"the examination of {name}")
        return [bad(name, f"This could not be looked at (error {error_id}).", "The log says why, beside this number.")]


def mend(found: Finding) -> Finding:
    """Do what is safe, and return what is to be said of it now."""
    if found.fix is None:
        return found
    try:
        return replace(found, level=Level.FINE, text=found.fix(), advice="", fix=None)
    except OSError as error:
        return replace(found, text=f"{found.text} It could not be mended: {error.strerror}.", fix=None)
