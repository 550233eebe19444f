"""Archives that are not what they should be: each is refused with a sentence, and nothing is written outside."""

from __future__ import annotations

import io
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from pytest_django import Settings

from clawsite.ops.backups import sqlite
from clawsite.ops.backups.about import engine
from clawsite.ops.backups.bounds import FREE_BYTES, Bounds
from clawsite.ops.backups.errors import BadArchive
from clawsite.ops.backups.extraction import DATABASES, LINKS, Extraction, extract
from clawsite.ops.backups.identity import new_identity
from clawsite.ops.backups.tar import END, Member, TarReader
from tests.clawsite.ops.backups.archives import (
    DATABASE,
    Entry,
    about,
    bomb,
    encrypted,
    file,
    names_in,
    sealed,
    stream,
    told_of,
)  # fmt: skip

OURS = new_identity()
(OTHER_ENGINE,) = DATABASES.keys() - {engine()}
SMALL = Bounds(members=20, total_bytes=1000_000, member_bytes=100_000)
LARGE = Bounds(members=20, total_bytes=2**40, member_bytes=2**40)


def opened(data: bytes, folder: Path, *, bounds: Bounds = SMALL, proven: bool = True) -> Extraction:
    root = folder / "root"
    root.mkdir()
    return extract(io.BytesIO(data), root, identity=OURS, bounds=bounds, proven=proven)


def archive(*entries: Entry) -> bytes:
    return encrypted(stream(sealed([about(), file(DATABASE), *entries], identity=OURS)), identity=OURS)


def raw(info: tarfile.TarInfo) -> bytes:
    begin = b"".join(stream([about(), file(DATABASE)])).removesuffix(END)
    return encrypted([begin, info.tobuf(format=tarfile.USTAR_FORMAT), END], identity=OURS)


def test_one_that_is_right_is_taken(tmp_path: Path) -> None:
    extraction = opened(archive(file("files/media/a.txt", b"hi")), tmp_path)

    assert extraction.database.read_bytes() == b"x"
    assert (tmp_path / "root/files/media/a.txt").read_bytes() == b"hi"


@pytest.mark.parametrize(
    "name",
    [
        "/etc/cron.d/evil",
        "files/media/../../evil",
        "files/media//evil",
        "files/media/./evil",
        "files/mediaevil/a",
        "files/.ssh/authorized_keys",
        "keys/backup.key",
        "database/other.sqlite3",
        "evil",
        "files/media/" + "d/" * 40 + "deep",
        "files/media/" + "n" * 300,
    ],
)
def test_a_name_that_no_backup_has_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadArchive):
        opened(archive(file(name)), tmp_path)

    assert names_in(tmp_path) <= {"root", "root/database", f"root/{DATABASE}", "root/files", "root/files/media"} | {
        "root/files/media" + "/d" * count for count in range(40)
    }


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, b"S", b"L", b"g"]
)
def test_links_devices_and_foreign_headers_are_refused(tmp_path: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("files/media/evil")
    info.type, info.linkname = kind, "/etc/passwd"

    with pytest.raises(BadArchive, match="other than files and directories"):
        opened(raw(info), tmp_path)


def test_the_same_file_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadArchive):
        opened(archive(file("files/media/a"), file("files/media/a")), tmp_path)


def test_a_file_where_a_folder_is_needed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadArchive):
        opened(archive(file("files/media/a"), file("files/media/a/b")), tmp_path)


@pytest.mark.parametrize("target", ["/etc", "../../../etc", "../../run", "../../keys/secret.key", "../.."])
def test_links_that_lead_out_of_their_folder_are_left_out(tmp_path: Path, target: str) -> None:
    links = msgspec.json.encode({"media/a/link": target})
    directory = Member(name="files/media/a", is_directory=True), b""
    opened(archive(directory, file(LINKS, links)), tmp_path)

    assert not (tmp_path / "root/files/media/a/link").is_symlink()


def test_a_link_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    links = msgspec.json.encode({"media/a": "b"})

    with pytest.raises(BadArchive, match="cannot be made"):
        opened(archive(file("files/media/a"), file(LINKS, links)), tmp_path)


def test_more_members_than_allowed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match="more than 20 files"):
        opened(archive(*(file(f"files/media/{number}") for number in range(30))), tmp_path)


def test_a_file_that_is_too_large_is_refused_by_its_header(tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match="a file of more than"):
        opened(archive(file("files/media/large", bytes(200_000))), tmp_path)


def test_more_bytes_than_allowed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match="more than"):
        opened(archive(*(file(f"files/media/{number}", bytes(90_000)) for number in range(15))), tmp_path)


def zeros(count: int) -> Iterator[bytes]:
    yield b"".join(stream([about(), file(DATABASE)])).removesuffix(END)
    info = tarfile.TarInfo("files/media/zeros")
    info.size = count
    yield info.tobuf()
    for _ in range(count // 2**20):
        yield bytes(2**20)
    yield END


def test_a_bomb_is_stopped_by_what_it_unpacks_to(tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match="200 times its size"):
        opened(bomb(zeros(FREE_BYTES + 2**24), identity=OURS), tmp_path, bounds=LARGE)


def test_what_we_make_of_the_same_is_none(tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match="without its seal"):  # it was read to its end
        opened(encrypted(zeros(FREE_BYTES + 2**24), identity=OURS), tmp_path, bounds=LARGE)


@pytest.mark.parametrize("cut", [1, 17, 200, 10_000])
def test_a_truncated_archive_is_refused(tmp_path: Path, cut: int) -> None:
    whole = archive(file("files/media/a", bytes(range(256)) * 300))

    with pytest.raises(BadArchive, match="damaged or cut off"):
        opened(whole[: -min(cut, len(whole) - 10)], tmp_path)


@pytest.mark.parametrize("place", [5, 250, 400, -20])
def test_a_changed_byte_is_noticed(tmp_path: Path, place: int) -> None:
    damaged = bytearray(archive(file("files/media/a", b"hello" * 100)))
    damaged[place] ^= 1

    with pytest.raises(BadArchive):
        opened(bytes(damaged), tmp_path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "damaged or cut off"),
        (b"age-encrypt", "damaged or cut off"),
        (b"age-encryption.org/v1\n", "damaged or cut off"),
        (b"no archive", "no backup of clawsite"),
        (b"PK\x03\x04" + bytes(70_000), "no backup of clawsite"),
    ],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, text: bytes, told: str) -> None:
    with pytest.raises(BadArchive, match=told):
        opened(text, tmp_path)


def test_another_identity_is_told_from_damage(tmp_path: Path) -> None:
    other = new_identity()

    with pytest.raises(BadArchive, match="another identity"):
        opened(encrypted(stream([about()]), identity=other), tmp_path)


def test_one_without_a_seal_is_not_whole(tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match="without its seal"):
        opened(encrypted(stream([about(), file(DATABASE)]), identity=OURS), tmp_path)


def test_one_that_ends_between_members_is_not_whole(tmp_path: Path) -> None:
    chunks = b"".join(stream([about(), file(DATABASE)])).removesuffix(END)

    with pytest.raises(BadArchive, match="ends too early"):
        opened(encrypted([chunks], identity=OURS), tmp_path)


def test_members_that_the_seal_does_not_know_are_noticed(tmp_path: Path) -> None:
    *members, seal = sealed([about(), file(DATABASE)], identity=OURS)

    with pytest.raises(BadArchive, match="do not add up"):
        opened(encrypted(stream([*members, file("files/media/more"), seal]), identity=OURS), tmp_path)


def test_who_only_knows_our_public_key_cannot_make_one(tmp_path: Path) -> None:
    forged = encrypted(stream(sealed([about(), file(DATABASE)], identity=new_identity())), identity=OURS)

    with pytest.raises(BadArchive, match="does not have the identity"):
        opened(forged, tmp_path)


def test_one_without_proof_is_taken_only_when_asked_for(tmp_path: Path) -> None:
    unproven = encrypted(stream(sealed([about(), file(DATABASE)], identity=None)), identity=OURS)

    with pytest.raises(BadArchive, match="--unsealed"):
        opened(unproven, tmp_path)
    (tmp_path / "again").mkdir()
    assert opened(unproven, tmp_path / "again", proven=False).database.exists()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": 2}, "format 2"),
        ({"engine": OTHER_ENGINE}, f"backup is of {OTHER_ENGINE}"),
        ({"migrations": [("core", "9999_future")]}, "newer version"),
    ],
)
def test_what_this_version_cannot_restore_is_told(tmp_path: Path, changes: dict[str, object], told: str) -> None:
    with pytest.raises(BadArchive, match=told):
        opened(encrypted(stream([about(**changes)]), identity=OURS), tmp_path)


def test_bounds_come_from_the_settings(settings: Settings) -> None:
    settings.CLAW_BACKUP_FILES, settings.CLAW_BACKUP_GIGABYTES = 7, 2

    assert Bounds.of_settings() == Bounds(members=7, total_bytes=2 * 1024**3, member_bytes=512 * 1024**2)


@pytest.mark.parametrize("step", [1, 7, 511, 512, 513, 100_000])
def test_how_the_bytes_are_cut_makes_no_difference(tmp_path: Path, step: int) -> None:
    class Names:
        def __init__(self) -> None:
            self.found: list[tuple[str, int]] = []

        def begin(self, member: Member) -> None:
            self.found.append((member.name, 0))

        def data(self, data: memoryview) -> None:
            name, size = self.found[-1]
            self.found[-1] = (name, size + len(data))

        def end(self) -> None:
            pass

    names = Names()
    whole = b"".join(stream([file("é" * 150, b"a" * 700), file("empty", b""), file("b", b"b" * 512)]))
    reader = TarReader(names)
    for begin in range(0, len(whole), step):
        reader.write(whole[begin : begin + step])
    reader.finish()

    assert names.found == [("é" * 150, 700), ("empty", 0), ("b", 512)]


@pytest.mark.sqlite
@pytest.mark.django_db
@pytest.mark.parametrize("name", ["evil", "sqlite_stat_evil"])
def test_a_database_that_would_run_something_is_refused(tmp_path: Path, name: str) -> None:
    """The second name is one that SQLite gives to nobody, but takes from a file."""
    taken = sqlite.take(tmp_path)
    told = told_of(about(migrations=taken.migrations))
    sqlite.check(taken.path, told)
    with closing(sqlite3.connect(taken.path)) as base:
        base.execute("CREATE TRIGGER plain AFTER INSERT ON core_lease BEGIN DELETE FROM core_secret; END")
        base.execute("PRAGMA writable_schema=ON")
        base.execute(
            "UPDATE sqlite_master SET name = ?, sql = replace(sql, 'plain', ?) WHERE name = 'plain'", [name] * 2
        )
        base.commit()

    with pytest.raises(BadArchive, match="other tables, triggers or views"):
        sqlite.check(taken.path, told)
