"""S3-compatible storage. Loaded only when CLAW_BACKUP_S3 names a place: the library takes 5 MB.

What is larger than one part is stored as several objects, NAME.part-00001 and so on, and last NAME.index, which says
how many there are. Until the index is there the name does not exist. An upload that was interrupted goes on with the
next part, if it is of the same file: one that was wrapped anew under its name is encrypted with another key, and its
parts would not fit those that are there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import msgspec
import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store as Bucket

from clawsite.core.errors import NotConfigured
from clawsite.ops.backups.errors import BackupFailed, BadArchive
from clawsite.ops.backups.stores import IDLE, MARK, Check, Readable, Stored, check_name

if TYPE_CHECKING:
    from obstore.store import S3Config

PART_BYTES = 64 * 1024 * 1024
_INDEX, _PART = ".index", ".part-"
# So much tells one encrypted file from every other: its head holds a key that was drawn for it alone.
_HEAD_BYTES = 1024
_CONNECT, _REQUEST, _RETRY = timedelta(seconds=10), timedelta(minutes=10), timedelta(minutes=3)
RETRIES = 6


class Index(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What the last object of a name says: the size of the whole, and into how many parts it is cut."""

    size: int
    parts: int


def open_bucket(
    url: str,
    *,
    label: str,
    key: str,
    secret: str,
    part_bytes: int = PART_BYTES,
    retries: int = RETRIES,
    request: timedelta = _REQUEST,
) -> S3Store:
    """Return the store of `s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION`; NotConfigured for other words.

    `request`: how long one answer may take, the reading of it included.
    """
    parts = urlsplit(url)
    given = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if parts.scheme != "s3" or not parts.hostname or parts.username or set(given) - {"endpoint", "region"}:
        raise NotConfigured("CLAW_BACKUP_S3 must look like s3://bucket/folder?endpoint=https://host&region=name.")
    if not key or not secret:
        raise NotConfigured("CLAW_BACKUP_S3 needs CLAW_BACKUP_S3_KEY and CLAW_BACKUP_S3_SECRET.")
    endpoint = given.get("endpoint", "")
    config: S3Config = {
        "region": given.get("region", "us-east-1"),
        "access_key_id": key,
        "secret_access_key": secret,
    }
    if endpoint:
        config["endpoint"] = endpoint
    bucket = Bucket(
        parts.hostname,
        prefix=parts.path.strip("/") or None,
        config=config,
        client_options={
            "allow_http": endpoint.startswith("http://"),
            "connect_timeout": min(_CONNECT, request),
            "timeout": request,
        },
        retry_config={"max_retries": retries, "retry_timeout": _RETRY},
    )
    return S3Store(bucket, label=label, part_bytes=part_bytes)


class S3Store:
    """One folder of one bucket."""

    def __init__(self, bucket: Bucket, *, label: str, part_bytes: int) -> None:
        self._bucket = bucket
        self._label = label
        self._part_bytes = part_bytes

    @property
    def label(self) -> str:
        """Bucket and folder."""
        return self._label

    def put(self, name: str, path: Path, *, check: Check = lambda: None) -> None:
        """Store a file; parts of it that an earlier attempt has stored are not sent again."""
        size = path.stat().st_size
        if size <= self._part_bytes:
            self._put(check_name(name), path.read_bytes())
            return
        there = {each.name: each.size for each in self._objects(f"{check_name(name)}{_PART}")}
        count = math.ceil(size / self._part_bytes)
        with path.open("rb") as file:
            if there and not self._is_begun(name, file.read(_HEAD_BYTES)[: self._part_bytes], there):
                self.delete(name)
                there.clear()
            file.seek(0)
            for number in range(1, count + 1):
                check()
                due = min(self._part_bytes, size - file.tell())
                if there.get(_part(name, number)) == due:
                    file.seek(due, 1)
                else:
                    self._put(_part(name, number), file.read(due))
        self._put(name + _INDEX, msgspec.json.encode(Index(size=size, parts=count)))

    def _is_begun(self, name: str, head: bytes, there: Mapping[str, int]) -> bool:
        """Tell whether the first part that is there begins as a file does."""
        first = _part(name, 1)
        if there.get(first) != self._part_bytes:
            return False
        with self._telling(name):
            return bytes(obstore.get_range(self._bucket, first, start=0, length=len(head))) == head

    def open(self, name: str) -> Readable:
        """Return what is stored, part after part as it is asked for."""
        index = self._find_index(check_name(name))
        names = [_part(name, number) for number in range(1, index.parts + 1)] if index else [name]
        return _Reading(self._stream(names))

    def _stream(self, names: list[str]) -> Iterator[bytes]:
        for name in names:
            with self._telling(name):
                for data in obstore.get(self._bucket, name).stream(min_chunk_size=1024 * 1024):
                    yield bytes(data)

    def list(self, prefix: str = "") -> list[Stored]:
        """Return the names that are whole. One whose index is damaged is there, and nobody knows of what size."""
        found = []
        for each in self._objects(prefix):
            if each.name.endswith(_INDEX):
                name = each.name.removesuffix(_INDEX)
                size = self._find_size(name)
                if size is not None:
                    found.append(Stored(name=name, size=size))
            elif _PART not in each.name:
                found.append(each)
        return sorted(found, key=lambda each: each.name)

    def delete(self, name: str) -> None:
        """Remove it, the index first, so that nothing half is ever taken for whole."""
        with self._telling(name):
            obstore.delete(self._bucket, [check_name(name) + _INDEX, name])
            for each in self._objects(f"{name}{_PART}"):
                obstore.delete(self._bucket, each.name)

    def forget_halves(self, *, idle: timedelta = IDLE) -> None:
        """Remove parts without their index, by the clock of the storage."""
        touched: dict[str, datetime] = {}
        with self._telling(""):
            for batch in obstore.list(self._bucket):
                touched |= {each["path"]: each["last_modified"] for each in batch}
        newest: dict[str, datetime] = {}
        for path, moment in touched.items():
            name, part, _ = path.rpartition(_PART)
            if part and name + _INDEX not in touched:
                newest[name] = max(moment, newest.get(name, moment))
        if newest:
            expired = max(touched.values()) - idle
            for name in [name for name, moment in newest.items() if moment <= expired]:
                self.delete(name)

    def read_mark(self) -> bytes | None:
        """Read the object .owner."""
        try:
            return bytes(obstore.get(self._bucket, MARK).bytes())
        except FileNotFoundError:
            return None
        except BaseError as error:
            raise self._failure(MARK, error) from None

    def write_mark(self, text: bytes) -> None:
        """Write the object .owner."""
        self._put(MARK, text)

    def _put(self, name: str, data: bytes) -> None:
        with self._telling(name):
            obstore.put(self._bucket, name, data, use_multipart=False)

    def _objects(self, prefix: str) -> Sequence[Stored]:
        """Return all objects whose names begin so. A store lists whole folders; the rest is looked at here."""
        folder = prefix.rpartition("/")[0]
        with self._telling(""):
            batches = obstore.list(self._bucket, prefix=folder or None)
            return [
                Stored(name=each["path"], size=each["size"])
                for batch in batches
                for each in batch
                if each["path"].startswith(prefix) and each["path"] != MARK
            ]

    def _find_size(self, name: str) -> int | None:
        try:
            index = self._find_index(name)
        except BadArchive:
            return 0
        return index.size if index else None

    def _find_index(self, name: str) -> Index | None:
        try:
            data = bytes(obstore.get(self._bucket, name + _INDEX).bytes())
        except FileNotFoundError:
            return None
        except BaseError as error:
            raise self._failure(name, error) from None
        try:
            return msgspec.json.decode(data, type=Index)
        except msgspec.MsgspecError:
            raise BadArchive(f"{self.label}: {name}{_INDEX} is damaged.") from None

    @contextmanager
    def _telling(self, name: str) -> Iterator[None]:
        """Turn the errors of the library into sentences; theirs hold addresses and whole answers. "" is the list."""
        try:
            yield
        except (BaseError, FileNotFoundError) as error:
            raise self._failure(name, error) from None

    def _failure(self, name: str, error: Exception) -> BackupFailed:
        head = f"{self.label}: {name}: " if name else f"{self.label} cannot be listed: "
        reason = "it is not there, or there is no such bucket." if isinstance(error, FileNotFoundError) else ""
        reason = reason or _REASONS.get(type(error).__name__, "the service does not answer as it should.")
        return BackupFailed(f"{head}{reason}", retryable=not isinstance(error, FileNotFoundError))


_REASONS = {
    "PermissionDeniedError": "the keys may not do this.",
    "UnauthenticatedError": "the keys are not known there.",
}


class _Reading:
    """Pieces as a file that can be read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = memoryview(b"")

    def read(self, size: int = -1, /) -> bytes:
        """Return up to so many bytes, none at the end."""
        while not self._held:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._held = memoryview(piece)
        data, self._held = bytes(self._held[:size]), self._held[size:]
        return data

    def close(self) -> None:
        """Let the connection go."""
        if hasattr(self._pieces, "close"):
            self._pieces.close()


def _part(name: str, number: int) -> str:
    return f"{name}{_PART}{number:05d}"
