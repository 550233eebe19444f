"""Taking an archive apart into a scratch folder, member by member, believing none of it before the seal was compared.

Only names that our backups have are written, into a folder that was empty, without following links. Links are made
last, by us, and lead nowhere but into the folder that they lie in. Keys stay in memory.
"""

from __future__ import annotations

import errno
import os
import posixpath
import re
from pathlib import Path
from typing import BinaryIO

import msgspec

from clawsite.core.errors import BadInput, ClawError
from clawsite.ops.backups.about import ABOUT, About, read_about
from clawsite.ops.backups.bounds import DOCUMENT_BYTES, Bounds, Count
from clawsite.ops.backups.contents import FILES, FOLDERS, KEYS
from clawsite.ops.backups.errors import BadArchive
from clawsite.ops.backups.identity import Identity
from clawsite.ops.backups.ledger import SEAL, Ledger, Seal
from clawsite.ops.backups.tar import Member, Source
from clawsite.ops.backups.unpacking import unpack
from guardrails.paths import check_relative, open_beneath, open_directory

LINKS = "links.json"
DATABASES = {"sqlite": "database/clawsite.sqlite3", "postgresql": "database/clawsite.dump"}
_DOCUMENTS = frozenset({ABOUT, LINKS, SEAL})
_KNOWN = re.compile(rf"{FILES}/(?:{'|'.join(FOLDERS)})(?:/.*)?", re.DOTALL)
_KEYS = {f"keys/{name}": name for name in KEYS}
_MODE = 0o755
# Errors of this machine's disk, not of the archive.
_OURS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.EROFS})


class Extraction:
    """The sink of one archive. `about` is there as soon as the first member has been read.

    keys: the keys of the installation by their names; they are written nowhere.
    """

    def __init__(self, root: Path, *, bounds: Bounds) -> None:
        self._root = root
        self._count = Count(bounds)
        self._ledger = Ledger()
        self._member: Member | None = None
        self._file: BinaryIO | None = None
        self._document = bytearray()
        self._read_about: About | None = None
        self._links: dict[str, str] = {}
        self._seal: Seal | None = None
        self.keys: dict[str, bytes] = {}
        self.restored_as = ""  # of a dump: the database that it was restored into

    @property
    def about(self) -> About:
        """What the archive says about itself."""
        if self._read_about is None:
            raise BadArchive("The archive is empty.")
        return self._read_about

    @property
    def database(self) -> Path:
        """Where the database of the archive lies now."""
        return self._root / DATABASES[self.about.engine]

    def begin(self, member: Member) -> None:
        """Open the member's file, or refuse it."""
        if self._seal is not None:
            raise BadArchive("Something follows the seal of the archive.")
        if (self._read_about is None) != (member.name == ABOUT):
            raise BadArchive("The archive does not begin as a backup of ours does.")
        self._count.check_read(member)
        self._member = member
        if member.name in _DOCUMENTS | _KEYS.keys() and not member.is_directory:
            if member.size > DOCUMENT_BYTES:
                raise BadArchive(f"{member.name} in the archive is too large.")
        elif self._is_expected(member):
            self._make(member)
        else:
            raise BadArchive(f"The archive holds {member.name[:100]!r}, which no backup of ours does.")

    def _is_expected(self, member: Member) -> bool:
        is_database = member.name == DATABASES[self.about.engine] and not member.is_directory
        return is_database or _KNOWN.fullmatch(member.name) is not None

    def _make(self, member: Member) -> None:
        try:
            if member.is_directory:
                with open_directory(self._root, check_relative(member.name), create=True) as descriptor:
                    os.fchmod(descriptor, member.mode & _MODE | 0o700)
            else:
                self._file = open_beneath(self._root, member.name, mode="xb", create_parents=True)
                os.fchmod(self._file.fileno(), member.mode & _MODE | 0o600)
        except (OSError, ValueError, ClawError) as error:
            if isinstance(error, OSError) and error.errno in _OURS:
                raise
            raise BadArchive(f"The archive holds {member.name[:100]!r}, which cannot be a file of ours.") from None

    def data(self, data: memoryview) -> None:
        """Write the next bytes."""
        if not self._is_seal():
            self._ledger.data(data)
        if self._file is not None:
            self._file.write(data)
        else:
            self._document += data

    def end(self) -> None:
        """Close the member and note what it was."""
        member, self._member = self._member, None
        if self._file is not None:
            self._file.close()
            self._file = None
        elif member is not None and not member.is_directory:
            self._end_document(member.name)
        if member is not None and member.name != SEAL:
            self._ledger.end(member)

    def _end_document(self, name: str) -> None:
        text = bytes(self._document)
        self._document.clear()
        try:
            if name == ABOUT:
                self._read_about = read_about(text)
            elif name in _KEYS:
                self.keys.setdefault(_KEYS[name], text)
            elif name == LINKS:
                self._links = msgspec.json.decode(text, type=dict[str, str])
            else:
                self._seal = msgspec.json.decode(text, type=Seal)
        except msgspec.MsgspecError:
            raise BadArchive(f"{name} in the archive cannot be read.") from None

    def _is_seal(self) -> bool:
        return self._member is not None and self._member.name == SEAL

    def close(self) -> None:
        """Close the file that is open, if the archive ended in the middle of it."""
        if self._file is not None:
            self._file.close()

    def check(self, identity: Identity, *, proven: bool) -> None:
        """Compare everything with the seal, then make the links."""
        if self._seal is None:
            raise BadArchive("The archive ends without its seal: it is not whole.")
        self._ledger.check(self._seal, identity, proven=proven)
        if not self.database.is_file():
            raise BadArchive("The archive holds no database.")
        for name, target in self._links.items():
            self._link(name, target)

    def _link(self, name: str, target: str) -> None:
        """Make a link that stays in its top folder; one that does not is left out, as it leads to nothing of ours."""
        place = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
        if target.startswith("/") or place.split("/")[0] != name.split("/", 1)[0] or "/" not in name:
            return
        try:
            parts = check_relative(f"{FILES}/{name}")
            with open_directory(self._root, parts[:-1]) as descriptor:
                os.symlink(target, parts[-1], dir_fd=descriptor)
        except (OSError, ValueError, BadInput):
            raise BadArchive(f"The archive holds a link {name[:100]!r} that cannot be made.") from None


def extract(
    source: Source, root: Path, *, identity: Identity, bounds: Bounds | None = None, proven: bool = True
) -> Extraction:
    """Take an archive apart into an empty folder and compare all of it with its seal; BadArchive otherwise."""
    extraction = Extraction(root, bounds=bounds or Bounds.of_settings())
    try:
        unpack(source, extraction, identity)
    finally:
        extraction.close()
    extraction.check(identity, proven=proven)
    return extraction
