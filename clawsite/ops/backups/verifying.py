"""The automatic restore: what was stored is read back and restored into a scratch place, and compared with itself."""

from __future__ import annotations

from pathlib import Path

from clawsite.ops.backups.engines import check_database
from clawsite.ops.backups.extraction import Extraction, extract
from clawsite.ops.backups.identity import Identity
from clawsite.ops.backups.tar import Source


def verify(source: Source, folder: Path, *, identity: Identity, proven: bool, keep: bool = False) -> Extraction:
    """Restore an archive into an empty folder and check all of it; BadArchive says what is wrong with it.

    With `keep` a dump stays restored in a scratch database, `restored_as`.
    """
    extraction = extract(source, folder, identity=identity, proven=proven)
    extraction.restored_as = check_database(extraction.database, extraction.about, keep=keep)
    return extraction
