"""The checks of a round. A new one is a function that yields findings, a line here, and its words in `bots`."""

from __future__ import annotations

from clawsite.ops.selfalerts import machine, work
from clawsite.ops.selfalerts.findings import Check


def make_checks() -> tuple[Check, ...]:
    """Return the checks; some remember what they saw, so each watch has its own."""
    return (
        Check(name="service", find=work.find_services, seconds=15),
        Check(name="role", find=machine.find_roles, seconds=20),
        Check(name="crashes", find=machine.find_crash_loops, seconds=0),
        Check(name="anew", find=machine.Anew().find, seconds=0),
        Check(name="queue", find=work.find_queues),
        Check(name="errors", find=work.find_errors, seconds=0),
        Check(name="slow", find=work.find_slow, seconds=60),
        Check(name="level", find=work.find_burn, seconds=0),
        Check(name="poller", find=work.find_pollers),
        Check(name="backup", find=work.find_backup, seconds=60),
        Check(name="log", find=work.find_log, seconds=60),
        Check(name="disk", find=machine.find_disk, seconds=60),
        Check(name="memory", find=machine.find_memory, seconds=60),
        Check(name="clock", find=machine.ClockJumps().find, seconds=0),
    )
