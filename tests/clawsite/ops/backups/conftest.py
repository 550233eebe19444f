"""An installation of its own for each test: a home with files in it, beside the test's database."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings


@pytest.fixture
def home(tmp_path: Path, settings: Settings) -> Path:
    """A state directory with media, a repository that has empty folders, a release and the keys."""
    path = tmp_path / "home"
    (path / "media/7").mkdir(parents=True)
    (path / "media/7/café.txt").write_text("photo")
    (path / "workspaces/user-1/shop/repo.git/refs/heads").mkdir(parents=True)
    (path / "workspaces/user-1/shop/run.sh").write_text("#!/bin/sh\n")
    (path / "workspaces/user-1/shop/run.sh").chmod(0o755)
    releases = path / "workspaces/user-1/shop/environments/live/releases/abc"
    releases.mkdir(parents=True)
    (releases.parent.parent / "current").symlink_to("releases/abc")
    (path / "run").mkdir()
    (path / "run/socket").write_text("never in a backup")
    (path / "encryption.key").write_text("the encryption key")
    (path / "secret.key").write_text("the secret key")
    settings.CLAW_HOME = path
    settings.CLAW_BACKUP_DIR = tmp_path / "kept"
    return path
