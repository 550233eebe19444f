"""Archives as somebody else might write them: encrypted for us, with anything inside."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pyrage
import zstandard

from clawsite.ops.backups.about import ABOUT, About, describe, engine, known_migrations
from clawsite.ops.backups.extraction import DATABASES
from clawsite.ops.backups.identity import Identity
from clawsite.ops.backups.ledger import SEAL, Ledger
from clawsite.ops.backups.packing import pack
from clawsite.ops.backups.tar import END, Member, write_member

DATABASE = DATABASES[engine()]
Entry = tuple[Member, bytes]


def file(name: str, text: bytes = b"x") -> Entry:
    return Member(name=name, size=len(text)), text


def about(**changes: object) -> Entry:
    told = describe(migrations=sorted(known_migrations()), counts={}, schema="", sha256="", size=0)
    return file(ABOUT, msgspec.json.encode(msgspec.structs.replace(told, **changes)))


def told_of(entry: Entry) -> About:
    return msgspec.json.decode(entry[1], type=About)


def sealed(entries: Iterable[Entry], *, identity: Identity | None) -> list[Entry]:
    """Return the members with a seal that fits them."""
    ledger, found = Ledger(), list(entries)
    for member, text in found:
        ledger.data(text)
        ledger.end(member)
    return [*found, file(SEAL, msgspec.json.encode(ledger.close(identity)))]


def stream(entries: Iterable[Entry]) -> Iterator[bytes]:
    for member, text in entries:
        yield from write_member(member, io.BytesIO(text))
    yield END


def encrypted(chunks: Iterable[bytes], *, identity: Identity) -> bytes:
    target = io.BytesIO()
    pack(chunks, target, [identity.to_public()])
    return target.getvalue()


def bomb(chunks: Iterable[bytes], *, identity: Identity) -> bytes:
    """As `encrypted`, by somebody who compresses as much as he can."""
    stream = zstandard.ZstdCompressor(level=3).compressobj()
    data = b"".join([*(stream.compress(chunk) for chunk in chunks), stream.flush()])
    made: bytes = pyrage.encrypt(data, [identity.to_public()])
    return made


def names_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}
