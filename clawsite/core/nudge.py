"""Nudges: "look now" from one process to all others of this installation. Truth is rows; nudges may be lost.

Each listening process owns two datagram sockets in CLAW_HOME/run: one for wakes, one for streamed text,
so that a flood of text cannot crowd out a wake. Sending never blocks and never raises; a receiver that
is full or gone misses it and finds the row at its next look. The directory is private to the user, so
senders are trusted.
"""

from __future__ import annotations

import asyncio
import atexit
import hashlib
import json
import logging
import os
import select
import socket
import stat
import tempfile
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from django.conf import settings
from django.db import transaction

logger = logging.getLogger(__name__)

Callback = Callable[[dict[str, Any]], None]

MAX_BYTES = 60_000
QUEUE = "queue"
# A socket's whole path has 107 bytes at most; names are pid, pid namespace and kind.
_PATH_BYTES = 107
_NAME_BYTES = 24
# Datagrams read in one go before the event loop gets its turn again.
_BATCH = 64

# What a socket is for: streamed text, the worker's queue, everything else.
_WAKE, _TEXT, _QUEUE = ".w", ".d", ".q"
_SUFFIXES = {"delta": _TEXT, "typing": _TEXT, QUEUE: _QUEUE}


def _private(path: Path) -> Path:
    """Make the directory if need be and return it; OSError unless it is ours alone."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise PermissionError(f"{path} must be a directory that only its owner may write to.")
    return path


@lru_cache(maxsize=4)
def _directory(run_dir: Path) -> Path:
    """Return where the sockets are: under CLAW_HOME, or in a short place when that path is too long."""
    path = run_dir / "nudge"
    if len(os.fsencode(path)) + 1 + _NAME_BYTES <= _PATH_BYTES:
        return _private(path)
    name = f"claw-{os.getuid()}-{hashlib.sha256(os.fsencode(run_dir)).hexdigest()[:12]}"
    short = Path(tempfile.gettempdir()) / name
    if len(os.fsencode(short)) + 1 + _NAME_BYTES > _PATH_BYTES:
        short = Path("/tmp") / name  # noqa: S108 - checked to be ours alone
    return _private(short)


def _open_socket() -> socket.socket:
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    opened.setblocking(False)
    return opened


# Unbound, so threads and forked children can share it.
_sender = _open_socket()
atexit.register(_sender.close)


def nudge(topic: str, **data: Any) -> None:
    """Tell every process of this installation to look. Best effort: what is too long is dropped."""
    payload = json.dumps([topic, data], separators=(",", ":"), ensure_ascii=False).encode()
    if len(payload) > MAX_BYTES:
        return
    kind = _SUFFIXES.get(topic, _WAKE)
    try:
        directory = os.fspath(_directory(settings.RUN_DIR))
        names = [name for name in os.listdir(directory) if name.endswith(kind)]
    except OSError as error:
        _directory.cache_clear()
        logger.warning("no nudges can be sent: %s", error.strerror or error)
        return
    _send_late()
    for name in names:
        # No Path: that keeps each part in the interpreter's table of names, which grows with every one ever seen.
        path = f"{directory}/{name}"
        if not _is_deaf(name, topic) and not _send(path, payload) and kind == _WAKE:
            _late.append((path, payload))
            _call_loops()


def nudge_on_commit(topic: str, **data: Any) -> None:
    """Nudge when the current transaction has been committed, at once when there is none."""
    transaction.on_commit(partial(nudge, topic, **data), robust=True)


def _send(path: str, payload: bytes) -> bool:
    """Send one datagram; False when the receiver is full. A receiver that is gone counts as done."""
    try:
        _sender.sendto(payload, path)
    except BlockingIOError:
        return False
    except ConnectionRefusedError:
        _remove_stale(path)
    except OSError:
        return True
    return True


# Wakes that found a full receiver (some systems queue ten). The oldest are dropped when there are too many.
_late: deque[tuple[str, bytes]] = deque(maxlen=512)
_LATE_SECONDS = 0.01


def _send_late() -> None:
    """Try once more what found its receiver full; what still does goes back."""
    for _ in range(len(_late)):
        try:
            path, payload = _late.popleft()
        except IndexError:
            return
        if not _send(path, payload):
            _late.append((path, payload))


def _call_loops() -> None:
    """Have the event loop of this process, if it listens, try the late ones soon."""
    for listener in tuple(_listeners.values()):
        listener.retry_soon()


def _remove_stale(path: str) -> None:
    """Remove the socket of a dead process. A live one is kept: it may be just about to be bound."""
    try:
        os.kill(int(os.path.basename(path).partition(".")[0]), 0)
    except (ProcessLookupError, ValueError):
        with suppress(FileNotFoundError):
            os.unlink(path)
    except OSError:
        return


_listeners: dict[str, NudgeListener] = {}


def _is_deaf(name: str, topic: str) -> bool:
    """Tell whether this is a socket of our own where nobody wants the topic."""
    listener = _listeners.get(name)
    return listener is not None and not listener.wants(topic)


class Wake(asyncio.Event):
    """An event that a nudge sets. Every waiter has its own, so that one's clear() is not another's loss."""

    async def within(self, seconds: float) -> bool:
        """Wait for a nudge, at most so long, and clear it; return whether there was one."""
        try:
            async with asyncio.timeout(seconds):
                await self.wait()
        except TimeoutError:
            return False
        self.clear()
        return True


class NudgeListener:
    """Hears the nudges of all processes, on the running event loop. Callbacks are short and synchronous."""

    def __init__(self, role: str) -> None:
        self.role = role
        self._callbacks: dict[str, list[Callback]] = defaultdict(list)
        self._sockets: list[tuple[Path, socket.socket]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._retrying = False

    def wants(self, topic: str) -> bool:
        """Tell whether anybody in this process listens to the topic."""
        return bool(self._callbacks.get(topic))

    def on(self, topic: str, callback: Callback) -> Callable[[], None]:
        """Call back with the data of each nudge of the topic; return a function that ends this."""
        self._callbacks[topic].append(callback)

        def remove() -> None:
            if callback in self._callbacks[topic]:
                self._callbacks[topic].remove(callback)

        return remove

    def event(self, topic: str) -> Wake:
        """Return an event of the caller's own that is set by each nudge of the topic."""
        wake = Wake()
        self.on(topic, lambda _: wake.set())
        return wake

    async def __aenter__(self) -> Self:
        """Open the sockets. Without them (no directory) the process goes on and lives by its polls."""
        self._loop = loop = asyncio.get_running_loop()
        try:
            directory = _directory(settings.RUN_DIR)
            for kind in (_WAKE, _TEXT):
                path = directory / f"{os.getpid()}.{id(self) & 0xFFFFFF:x}{kind}"
                receiver = _bind(path)
                self._sockets.append((path, receiver))
                _listeners[path.name] = self
                loop.add_reader(receiver, self._read, receiver)
        except OSError as error:
            logger.warning("no nudges can be received: %s", error.strerror or error)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close and remove the sockets."""
        loop = asyncio.get_running_loop()
        for path, receiver in self._sockets:
            loop.remove_reader(receiver)
            receiver.close()
            path.unlink(missing_ok=True)
            _listeners.pop(path.name, None)
        self._sockets.clear()
        self._loop = None

    def retry_soon(self) -> None:
        """Send late wakes from the event loop in a moment, and again until taken. From any thread."""
        loop = self._loop
        if loop is None or self._retrying or loop.is_closed():
            return
        self._retrying = True
        loop.call_soon_threadsafe(loop.call_later, _LATE_SECONDS, self._retry)

    def _retry(self) -> None:
        self._retrying = False
        _send_late()
        if _late:
            self.retry_soon()

    def _read(self, receiver: socket.socket) -> None:
        for _ in range(_BATCH):
            try:
                payload = receiver.recv(MAX_BYTES + 1)
            except OSError:
                return
            self._dispatch(payload)

    def _dispatch(self, payload: bytes) -> None:
        try:
            topic, data = json.loads(payload)
        except ValueError:
            logger.warning("a nudge of %d bytes could not be read", len(payload))
            return
        for callback in tuple(self._callbacks.get(topic, ())):
            try:
                callback(data)
            except Exception:
                logger.exception("a listener to %s failed", topic)


def _bind(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    receiver = _open_socket()
    try:
        receiver.bind(os.fspath(path))
    except OSError:
        receiver.close()
        raise
    return receiver


class QueueSocket:
    """Hears that the worker's queue has something new, in a process without an event loop."""

    def __init__(self) -> None:
        self._path = _directory(settings.RUN_DIR) / f"{os.getpid()}.{id(self) & 0xFFFFFF:x}{_QUEUE}"
        self._socket = _bind(self._path)

    def close(self) -> None:
        """Close and remove the socket."""
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def wait(self, seconds: float) -> bool:
        """Wait for a nudge, at most so long; return whether there was one. Several at once count as one."""
        if not select.select([self._socket], [], [], seconds)[0]:
            return False
        for _ in range(_BATCH):
            try:
                self._socket.recv(MAX_BYTES)
            except BlockingIOError:
                break
        return True
