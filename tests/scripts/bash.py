"""Runs the scripts' own functions in a throw-away project folder, offline."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
_KEPT = ("HOME", "LANG", "PATH", "SSL_CERT_FILE", "TMPDIR")


def run_bash(script: str, *, root: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script with ROOT set and both libraries sourced, with nothing of the caller's Python settings."""
    clean = {name: os.environ[name] for name in _KEPT if name in os.environ}
    sourced = 'set -euo pipefail; . "$ROOT/.ci/setup.sh"; . "$ROOT/.ci/programs.sh"\n'
    return subprocess.run(
        ["bash", "-c", sourced + script],
        env={**clean, "ROOT": str(root), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def make_project(folder: Path) -> Path:
    """Copy the scripts into a project of its own, whose only dependency is a wheel that lies beside it."""
    ci = folder / ".ci"
    ci.mkdir()
    for name in ("setup.sh", "programs.sh"):
        shutil.copy(ROOT / ".ci" / name, ci / name)
    (ci / "uv.txt").write_text("no-such-installer==1 --hash=sha256:" + "0" * 64 + "\n")
    (folder / "requirements.txt").write_text(lock_line(make_wheel(folder, version="1")))
    return folder


def make_wheel(folder: Path, *, version: str) -> Path:
    """Write a wheel of one module that knows its version."""
    wheel = folder / f"tinything-{version}-py3-none-any.whl"
    info = f"tinything-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tinything.py", f"VERSION = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tinything\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def lock_line(wheel: Path, *, digest: str = "") -> str:
    """Return the line that locks a wheel."""
    name, version = wheel.name.split("-")[:2]
    return f"{name}=={version} --hash=sha256:{digest or hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def python_with_pip() -> str:
    """Return an interpreter whose pip can install into other environments."""
    for python in (sys.executable, str(getattr(sys, "_base_executable", sys.executable))):
        if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
            return python
    raise AssertionError("neither this environment nor its interpreter has pip")


def write_program(path: Path, text: str) -> Path:
    """Write an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path
