"""What is in a backup, as one number: a running SHA-256 over the names, kinds, sizes and hashes of all members.

Both sides keep one; the last member of an archive tells what it must come to.
"""

from __future__ import annotations

import hashlib
import hmac

import msgspec

from clawsite.ops.backups.errors import BadArchive
from clawsite.ops.backups.identity import Identity, seal
from clawsite.ops.backups.tar import Member

SEAL = "seal.json"
_MOST = 2**53


class Seal(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The last member. `proof` is empty when the identity was not here when the backup was made."""

    members: int
    bytes: int
    digest: str
    proof: str = ""


class Ledger:
    """Counts and hashes members in their order."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._member = hashlib.sha256()
        self.members = 0
        self.bytes = 0

    def data(self, data: bytes | memoryview) -> None:
        """Add bytes of the member that is under way."""
        self._member.update(data)
        self.bytes += len(data)

    def end(self, member: Member) -> None:
        """Add the member whose bytes were given."""
        kind = "d" if member.is_directory else "f"
        name = member.name.encode("utf-8", "surrogateescape")
        self._digest.update(b"%s %d %d %b " % (kind.encode(), member.mode, len(name), name))
        self._digest.update(self._member.digest())
        self._member = hashlib.sha256()
        self.members += 1

    def close(self, identity: Identity | None) -> Seal:
        """Return the seal of what was added."""
        text = self._digest.hexdigest()
        proof = seal(identity, text.encode()) if identity is not None else ""
        return Seal(members=self.members, bytes=self.bytes, digest=text, proof=proof)

    def check(self, told: Seal, identity: Identity, *, proven: bool) -> None:
        """Compare with what an archive tells; with `proven`, refuse one whose maker cannot be told."""
        own = self.close(identity)
        if (told.members, told.bytes, told.digest) != (own.members, own.bytes, own.digest):
            raise BadArchive("The archive does not hold what it says: its files do not add up to its seal.")
        if told.proof and not hmac.compare_digest(told.proof, own.proof):
            raise BadArchive("The archive was changed by somebody who does not have the identity.")
        if proven and not told.proof:
            raise BadArchive(
                "The archive does not prove who made it: it was encrypted for CLAW_BACKUP_RECIPIENT. "
                "If you know where it comes from, give --unsealed."
            )
