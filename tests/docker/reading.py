"""The files of docker/ as values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.programs import ROOT

DOCKER = ROOT / "docker"


def read_documents(path: Path) -> list[dict[str, Any]]:
    """Return every document of a YAML file."""
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def read_document(path: Path) -> dict[str, Any]:
    """Return the one document of a YAML file."""
    (found,) = read_documents(path)
    return found
