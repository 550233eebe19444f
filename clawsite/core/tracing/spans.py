"""Spans: what was done, from when to when, as a part of what. Without a collector they cost a look at a setting.

Attributes hold names and ids of ours, never texts; of an error only its type is told.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

from django.conf import settings

from clawsite.core.tracing.marks import Place, Trace, new_trace_id, place


class OpenTrace:
    """The trace that a `with trace(...)` holds open."""

    def __init__(self, name: str, held: Trace, attributes: dict[str, Any]) -> None:
        self._name = name
        self._held = held
        self._attributes = attributes
        self._began = time.time_ns()
        self._is_new = True

    def adopt(self, trace_id: str = "", *, session: str = "", **attributes: Any) -> None:
        """Say what this is about, once that is known. An id of an earlier trace makes this a part of that one."""
        self._is_new = self._is_new and trace_id in ("", self._held.trace_id)
        self._held.trace_id = trace_id or self._held.trace_id
        self._held.session = session or self._held.session
        self._attributes |= attributes
        self._open()

    def _open(self) -> None:
        if not settings.CLAW_OTLP_URL or self._held.root is not None:
            return
        marks = {"claw.session": self._held.session, "claw.job": self._held.job}
        self._held.root = _door().start_root(
            self._name,
            trace_id=self._held.trace_id,
            is_new=self._is_new,
            began=self._began,
            attributes=_named(self._attributes) | {key: value for key, value in marks.items() if value},
        )
        _tell_early(self._held)

    def close(self, error: BaseException | None) -> None:
        """End it; one that was never adopted is opened first, so that it is seen."""
        self._open()
        if self._held.root is not None:
            _end(self._held.root, error)


@contextmanager
def trace(name: str, *, trace_id: str = "", session: str = "", job: str = "", **attributes: Any) -> Iterator[OpenTrace]:
    """Begin a trace, or with the id of an earlier one a further part of it, and end it with the block."""
    held = Trace(trace_id=trace_id or new_trace_id(), session=session, job=job)
    opened = OpenTrace(name, held, dict(attributes))
    if trace_id:
        opened._is_new = False
        opened._open()
    token = place.set(Place(held))
    try:
        yield opened
    except BaseException as error:
        opened.close(error)
        raise
    else:
        opened.close(None)
    finally:
        place.reset(token)


@contextmanager
def span(name: str, **attributes: Any) -> Iterator[None]:
    """Note what the block does as a span of the trace around it; outside of any, nothing is noted."""
    here = place.get()
    if here is None or not settings.CLAW_OTLP_URL:
        yield
        return
    if here.trace.root is None:
        began = time.time_ns()
        try:
            yield
        finally:
            here.trace.early.append((name, began, time.time_ns(), _named(attributes)))
            _tell_early(here.trace)
        return
    opened = _door().start(
        name, parent=here.span or here.trace.root, began=time.time_ns(), attributes=_named(attributes)
    )
    token = place.set(Place(here.trace, opened))
    try:
        yield
    except BaseException as error:
        _end(opened, error)
        raise
    else:
        _end(opened, None)
    finally:
        place.reset(token)


def _tell_early(held: Trace) -> None:
    """Show what ended before its trace was open, once it is."""
    while held.root is not None and held.early:
        name, began, ended, attributes = held.early.pop(0)
        _door().start(name, parent=held.root, began=began, attributes=attributes).end(ended)


def _end(opened: Any, error: BaseException | None) -> None:
    if error is not None:
        _door().mark_failed(opened, type(error).__name__)
    opened.end()


def _door() -> ModuleType:
    """Return the module that brings OpenTelemetry, imported by the first who needs it."""
    return import_module("clawsite.core.tracing.otlp")


def _named(attributes: dict[str, Any]) -> dict[str, Any]:
    return {f"claw.{key}": value for key, value in attributes.items()}


def flush() -> None:
    """Send what waits to be sent, because this process ends. Returns after two seconds at the latest."""
    if not settings.CLAW_OTLP_URL:
        return
    _door().flush()
