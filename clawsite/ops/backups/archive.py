"""One backup as a file: the order of its members, which the extraction relies on."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from clawsite.ops.backups.about import ABOUT, About, describe
from clawsite.ops.backups.bounds import Bounds, Count
from clawsite.ops.backups.contents import KEYS, Walk
from clawsite.ops.backups.database import Snapshot
from clawsite.ops.backups.extraction import DATABASES, LINKS
from clawsite.ops.backups.identity import Identity
from clawsite.ops.backups.ledger import SEAL, Ledger
from clawsite.ops.backups.stores import Check
from clawsite.ops.backups.tar import END, Member, Source, write_member

# What is smaller is read at once. Only a larger file can change between its header and its end.
WHOLE_BYTES = 1024 * 1024


class Archive:
    """The stream of one backup. After it was read to its end, the attributes say what is in it.

    changed: files that became shorter while they were read, and end in zeros.
    """

    def __init__(self, home: Path, snapshot: Snapshot, *, name: str, identity: Identity | None, check: Check) -> None:
        self.about: About = _about(snapshot, name)
        self.ledger = Ledger()
        self.walk = Walk(home=home)
        self.changed: list[str] = []
        self._home = home
        self._snapshot = snapshot
        self._identity = identity
        self._check = check
        self._count = Count(Bounds.of_settings())

    def chunks(self) -> Iterator[bytes]:
        """Yield the archive."""
        yield from self._document(ABOUT, msgspec.json.encode(self.about))
        with self._snapshot.path.open("rb") as database:
            member = Member(name=DATABASES[self.about.engine], size=self.about.database_bytes)
            yield from self._member(member, database)
        for key in KEYS:
            if (self._home / key).is_file():
                yield from self._document(f"keys/{key}", (self._home / key).read_bytes())
        for member, file in self.walk.members():
            yield from self._member(member, file)
        yield from self._document(LINKS, msgspec.json.encode(self.walk.links))
        seal = self.ledger.close(self._identity)
        yield from self._document(SEAL, msgspec.json.encode(seal))
        yield END

    def _document(self, name: str, text: bytes) -> Iterator[bytes]:
        return self._member(Member(name=name, size=len(text)), io.BytesIO(text))

    def _member(self, member: Member, source: Source | None) -> Iterator[bytes]:
        """Yield a member; what is between its header and its padding goes into the ledger."""
        if source is not None and member.size <= WHOLE_BYTES:
            text = source.read(member.size)  # at once, so that its size is what is really there
            member, source = replace(member, size=len(text)), io.BytesIO(text)
        self._count.check_written(member)
        reading = _Reading(source, self.ledger, member.name, self.changed) if source is not None else None
        for chunk in write_member(member, reading):
            self._check()
            yield chunk
        self.ledger.end(member)


class _Reading:
    """A file whose bytes go into the ledger as they are read. One that became shorter is filled with zeros."""

    def __init__(self, source: Source, ledger: Ledger, name: str, changed: list[str]) -> None:
        self._source = source
        self._ledger = ledger
        self._name = name
        self._changed = changed

    def read(self, size: int = -1, /) -> bytes:
        """Return up to so many bytes."""
        data = self._source.read(size)
        if not data:
            self._changed += [] if self._name in self._changed else [self._name]
            data = bytes(size)
        self._ledger.data(data)
        return data


def _about(snapshot: Snapshot, name: str) -> About:
    return describe(
        migrations=snapshot.migrations,
        counts=snapshot.counts,
        schema=snapshot.schema,
        sha256=hash_file(snapshot.path),
        size=snapshot.path.stat().st_size,
        name=name,
        properties=snapshot.properties,
    )


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
