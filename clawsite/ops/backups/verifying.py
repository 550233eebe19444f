"""The automatic restore: what was stored is read back and restored into a scratch place, and compared with itself."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clawsite.ops.backups.engines import check_database
from clawsite.ops.backups.extraction import Extraction, extract
from clawsite.ops.backups.identity import Identity
from clawsite.ops.backups.tar import Source

SCRATCH = ".scratch-"


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Yield an empty folder for the service alone; it is gone afterwards."""
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=parent))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def clear_scratch(parent: Path) -> None:
    """Remove what killed processes have left there."""
    for path in parent.glob(f"{SCRATCH}*"):
        shutil.rmtree(path, ignore_errors=True)


def verify(source: Source, folder: Path, *, identity: Identity, proven: bool, keep: bool = False) -> Extraction:
    """Restore an archive into an empty folder and check all of it; BadArchive says what is wrong with it.

    With `keep` a dump stays restored in a scratch database, `restored_as`.
    """
    extraction = extract(source, folder, identity=identity, proven=proven)
    extraction.restored_as = check_database(extraction.database, extraction.about, keep=keep)
    return extraction
