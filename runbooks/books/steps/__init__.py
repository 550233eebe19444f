"""The kinds of step, one module for each. A nested runbook is none: its steps stand in the plan instead of it."""

from __future__ import annotations

from runbooks.books.steps.approval import APPROVAL
from runbooks.books.steps.base import StepContext, StepFailed, StepKind, get_step, list_steps, register_step
from runbooks.books.steps.command import COMMAND
from runbooks.books.steps.http import HTTP
from runbooks.books.steps.message import MESSAGE
from runbooks.books.steps.prometheus import PROMETHEUS
from runbooks.books.steps.waiting import WAIT

__all__ = ["StepContext", "StepFailed", "StepKind", "get_step", "list_steps", "register_step"]

for _kind in (APPROVAL, COMMAND, HTTP, MESSAGE, PROMETHEUS, WAIT):
    register_step(_kind)
