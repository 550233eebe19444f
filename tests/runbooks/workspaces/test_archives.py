"""Archives: what is listed and unpacked, and what is refused as a whole."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
from typing import Any

import pytest

from clawsite.core.errors import ClawError
from runbooks.workspaces import archives
from runbooks.workspaces.archives import is_archive, list_archive, unpack
from runbooks.workspaces.secrets import check_upload


def zipped(*files: tuple[str, bytes], **values: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            for key, value in values.items():
                setattr(info, key, value)
            archive.writestr(info, data)
    return out.getvalue()


def tarred(*names: str, kind: bytes = tarfile.REGTYPE, mode: Any = "w", link: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            info.size = 3 if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(b"abc"))
    return out.getvalue()


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tars_are_recognized_listed_and_unpacked(mode: str) -> None:
    data = tarred("a.txt", "b/c.txt", mode=mode)
    assert is_archive(data)
    assert list_archive(data) == [("a.txt", 3), ("b/c.txt", 3)]
    assert unpack(data) == [("a.txt", b"abc"), ("b/c.txt", b"abc")]


def test_zips_are_too_and_other_files_are_none() -> None:
    data = zipped(("docs/", b""), ("docs/a.txt", b"abc"))
    assert list_archive(data) == [("docs/a.txt", 3)]
    assert not is_archive(b"hello")
    assert is_archive(b"7z\xbc\xaf\x27\x1c")


@pytest.mark.parametrize(
    "data",
    [
        zipped(("../x", b"")),
        zipped(("/etc/x", b"")),
        zipped(("a\\..\\..\\x", b"")),
        zipped((".git/hooks/post-commit", b"")),
        zipped(("a/.GIT/config", b"")),
        zipped(("link", b"/etc/passwd"), external_attr=0o120777 << 16),
        zipped(("a", b"1"), ("A", b"2")),
        zipped(("bomb", b"\0" * 5_000_000)),
        zipped(*((f"f{number}", b"") for number in range(1001))),
        tarred("../x"),
        tarred("/x"),
        tarred("x", kind=tarfile.SYMTYPE, link="/etc/passwd"),
        tarred("x", kind=tarfile.LNKTYPE, link="y"),
        tarred("x", kind=tarfile.CHRTYPE),
        tarred("x", kind=tarfile.FIFOTYPE),
        gzip.compress(b"no tar"),
        zipped(("a", b"abc"))[:-20],
        tarred("a", mode="w:gz")[:30],
        b"7z\xbc\xaf\x27\x1c",
        b"hello",
    ],
)
def test_what_is_not_safe_is_refused_as_a_whole(data: bytes) -> None:
    with pytest.raises(ClawError):
        unpack(data)


def said(*sizes: int, text: bytes = b"1", kind: bytes = tarfile.XHDTYPE) -> bytes:
    """Return a tar whose headers say so much of its files, each time before one."""
    out = bytearray()
    for number, size in enumerate(sizes):
        about, file = tarfile.TarInfo("about"), tarfile.TarInfo(f"f{number}")
        about.size, about.type = size, kind
        body = text * max(size, 0)
        out += about.tobuf(tarfile.GNU_FORMAT) + body + bytes(-len(body) % 512) + file.tobuf()
    return bytes(out) + bytes(1024)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE])
def test_a_tar_that_says_too_much_of_its_files_is_refused_at_once(kind: bytes) -> None:
    with pytest.raises(ClawError, match="more than may be unpacked"):
        unpack(said(2_000_000, kind=kind))
    with pytest.raises(ClawError, match="more than may be unpacked"):
        unpack(said(*[8_000] * 140, text=b"\0", kind=kind))
    with pytest.raises(ClawError, match="more than may be unpacked"):
        unpack(said(-512, kind=kind))


def test_a_tar_that_says_what_tars_say_is_unpacked() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for number in range(900):
            info = tarfile.TarInfo(f"{'ü' * 60}/{'long' * 10}-{number}")
            info.pax_headers = {"mtime": "1700000000.123456789", "comment": "c" * 40}
            archive.addfile(info)
    assert len(unpack(out.getvalue())) == 900


def listed(*, names: int = 0, extra: bytes = b"") -> bytes:
    """Return a zip whose list at its end holds so many names, or says so much of one, and nothing before it."""
    entry = struct.pack(
        "<4s4B4HL2L5H2L", b"PK\x01\x02", 20, 3, 20, 0, 0, 0, 0, 33, 0, 0, 0, 1, len(extra), 0, 0, 0, 0, 0
    )
    entries = (entry + b"a" + extra) * names
    return entries + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(entries), 0, 0)


def test_the_list_of_a_zip_is_bounded_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZipInfo", None)  # none is made of any name
    for data in (listed(names=30_000), listed(names=300, extra=b"\0" * 65_000)):
        with pytest.raises(ClawError, match="more than may be unpacked"):
            unpack(b"PK\x03\x04" + data)


def test_a_compressed_bomb_is_not_unpacked_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_BYTES", 100_000)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo("bomb")
        info.size = 50_000_000
        archive.addfile(info, io.BytesIO(bytes(info.size)))
    with pytest.raises(ClawError):
        unpack(out.getvalue())


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("tool", b"\x7fELF\x02"), ("a.txt", b"MZ\x90"), (".env", b"x"), ("keys/id_rsa", b"x"), ("x.pem", b"x"),
        ("a.py", b"key = 'sk-ant-api03-" + b"A1b2C3d4" * 12 + b"'"),
    ],
)  # fmt: skip
def test_programs_and_keys_are_not_taken(path: str, data: bytes) -> None:
    with pytest.raises(ClawError):
        check_upload(path, data)


def test_ordinary_files_are_taken() -> None:
    check_upload("run.sh", b"#!/bin/sh\necho hello\n")
    check_upload("photo.jpg", b"\xff\xd8\xff\xe0" + bytes(range(256)))
