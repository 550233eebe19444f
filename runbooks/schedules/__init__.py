"""Jobs by the clock: rows that say when, and a tick that starts what is due, each due time once."""

from runbooks.schedules.actions import delete_schedule, run_now, save_schedule
from runbooks.schedules.checking import find_problems
from runbooks.schedules.ticking import find_anew, run_due, tick
from runbooks.schedules.times import BadTimes, explain, next_due, preview

__all__ = [
    "BadTimes",
    "delete_schedule",
    "explain",
    "find_anew",
    "find_problems",
    "next_due",
    "preview",
    "run_due",
    "run_now",
    "save_schedule",
    "tick",
]
