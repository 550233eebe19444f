"""logs.tail: real lines from the shared file, from a place on, across rotation, without secrets."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from clawsite.core.logs import LogFile, RedactFilter
from clawsite.core.redaction import forget_secret, register_secret
from clawsite.gateway.methods.logs import tail
from tests.clawsite.gateway.calling import call
from tests.clawsite.gateway.seat import Refused


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the log of the test is."""
    return tmp_path / "logs" / "clawsite.log"


def write(path: Path, *lines: str) -> None:
    """Append lines."""
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def written(path: Path) -> tuple[int, bool]:
    """Return the rights of the file, and whether it holds the secret."""
    return path.stat().st_mode & 0o777, "canary-one" in path.read_text(encoding="utf-8")


def read(path: Path, cursor: int | None = None, *, limit: int = 500, most: int = 250_000) -> dict[str, Any]:
    return tail(path, cursor=cursor, limit=limit, most=most)


def test_a_follower_gets_each_line_once(path: Path) -> None:
    write(path, "one", "two")
    first = read(path)
    assert (first["lines"], first["truncated"], first["reset"]) == (["one", "two"], False, False)
    assert read(path, first["cursor"])["lines"] == []

    write(path, "three")
    assert read(path, first["cursor"])["lines"] == ["three"]


def test_a_replaced_file_is_said_to_be_one(path: Path) -> None:
    write(path, "a rather long line of the old file")
    cursor = read(path)["cursor"]
    path.unlink()
    write(path, "new")
    shorter = read(path, cursor)
    assert (shorter["lines"], shorter["reset"]) == (["new"], True)

    write(path, "longer than the old one was, so that the place is inside of a line")
    longer = read(path, cursor)
    assert (len(longer["lines"]), longer["reset"]) == (2, True)


def test_the_end_comes_first_when_there_is_too_much(path: Path) -> None:
    write(path, *[f"line {number:04}" for number in range(1000)])
    last = read(path, limit=3)
    assert (last["lines"], last["truncated"]) == (["line 0997", "line 0998", "line 0999"], True)

    part = read(path, 0, most=25)
    assert (part["lines"], part["truncated"], part["skippedBytes"]) == (["line 0998", "line 0999"], True, 9975)
    assert part["cursor"] == part["size"] == 10_000


def test_a_file_that_is_not_there_has_no_lines(path: Path) -> None:
    assert read(path)["lines"] == []
    assert read(path, 7)["reset"] is True


async def test_secrets_are_neither_written_nor_read(path: Path, settings: Settings) -> None:
    settings.CLAW_LOG_FILE = path
    handler = LogFile(path, size=100_000)
    handler.addFilter(RedactFilter())
    logger = logging.getLogger("canary")
    logger.addHandler(handler)
    try:
        logger.warning("the key is %s and password=canary-one", "sk-ant-api03-" + "Ab1" * 20)
        logger.warning("later found out to be secret: canary-two-xyz")
    finally:
        logger.removeHandler(handler)
        handler.close()
    assert written(path) == (0o600, False)

    register_secret("canary-two-xyz")
    try:
        found = await call("logs.tail", limit=5, maxBytes=250_000)
    finally:
        forget_secret("canary-two-xyz")
    text = "\n".join(found["lines"])
    assert text.count("[secret]") == 3
    assert "canary-" not in text
    assert found["file"] == str(path)


async def test_without_a_file_it_says_which_setting_is_missing(settings: Settings) -> None:
    settings.CLAW_LOG_BYTES = 0
    with pytest.raises(Refused, match="CLAW_LOG_BYTES"):
        await call("logs.tail")
