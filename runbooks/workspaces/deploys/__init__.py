"""Deploys, as other layers use them: bring a commit to an environment, take it back, lock, look."""

from runbooks.books.steps import register_step
from runbooks.workspaces.deploys.checking import CHECK
from runbooks.workspaces.deploys.clearing import DEPLOY_CLEAR
from runbooks.workspaces.deploys.environments import (
    get_environment,
    live_in,
    lock_environment,
    unlock_environment,
)
from runbooks.workspaces.deploys.following import FOLLOWED_LINES, LOG_FOLLOW, show_logs
from runbooks.workspaces.deploys.gates import GATES
from runbooks.workspaces.deploys.health import HEALTH
from runbooks.workspaces.deploys.job import DEPLOY
from runbooks.workspaces.deploys.queueing import OPEN
from runbooks.workspaces.deploys.reading import MAX_LINES
from runbooks.workspaces.deploys.showing import describe_deploy
from runbooks.workspaces.deploys.starting import start_deploy
from runbooks.workspaces.deploys.steps import PROGRAM, RELEASE, RESTORE, SWITCH

__all__ = [
    "DEPLOY",
    "DEPLOY_CLEAR",
    "FOLLOWED_LINES",
    "LOG_FOLLOW",
    "MAX_LINES",
    "OPEN",
    "describe_deploy",
    "get_environment",
    "live_in",
    "lock_environment",
    "show_logs",
    "start_deploy",
    "unlock_environment",
]

for _kind in (CHECK, GATES, HEALTH, PROGRAM, RELEASE, RESTORE, SWITCH):
    register_step(_kind)
