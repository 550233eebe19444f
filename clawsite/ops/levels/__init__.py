"""Service levels from our own rows: how many messages were answered, how fast, and how many of ours went wrong.

Each level has a budget of what may go wrong. The burn rate says how fast it is used up: 1 uses exactly the budget.
"""

from clawsite.ops.levels.judging import Level, report

__all__ = ["Level", "report"]
