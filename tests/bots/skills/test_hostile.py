"""Packages that were made to do harm: each is refused with a sentence that names the place, and nothing is left."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from bots.skills import package
from bots.skills.folder import skills_root
from clawsite.core.errors import BadInput
from sessions_app.models import Skill
from tests.bots.skills.making import FRONT, install, write

pytestmark = pytest.mark.django_db


def refusal(folder: Path) -> str:
    """Return what is said about a package; nothing of it may be here afterwards."""
    with pytest.raises(BadInput) as refused:
        install(folder)
    assert not Skill.objects.exists()
    assert not list(skills_root().glob("*/*"))
    return refused.value.message


def test_links_lead_nowhere(tea: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the key")
    (tea / "notes.md").symlink_to(tmp_path / "secret")
    (tea / "all").symlink_to("/")
    said = refusal(tea)
    assert "notes.md: is a link; only files are installed" in said
    assert "all: is a link" in said


def test_a_file_with_a_second_name_is_not_taken(tea: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the key")
    os.link(tmp_path / "secret", tea / "notes.md")
    assert "notes.md: has a second name somewhere else" in refusal(tea)


def test_pipes_and_sockets_are_not_read(tea: Path) -> None:
    os.mkfifo(tea / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        here = Path.cwd()
        os.chdir(tea)
        try:
            bound.bind("socket")
        finally:
            os.chdir(here)
    said = refusal(tea)
    assert "pipe: is a device, pipe or socket" in said
    assert "socket: is a device, pipe or socket" in said


def test_a_huge_file_is_refused_by_its_size_and_not_read(tea: Path) -> None:
    with (tea / "huge.bin").open("wb") as file:
        file.truncate(1024**4)
    assert "huge.bin: is 1099511627776 bytes large; at most 1048576 are installed" in refusal(tea)


def test_many_files_and_much_in_all_are_refused(tea: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(package.FILES_MAX):
        (tea / f"{number}.md").write_text("x")
    assert "There are 201 files; at most 200 are installed" in refusal(tea)
    monkeypatch.setattr(package, "FILES_MAX", 1000)
    monkeypatch.setattr(package, "TOTAL_BYTES", 100)
    assert "bytes together; at most 100 are installed" in refusal(tea)
    monkeypatch.setattr(package, "ENTRIES_MAX", 100)
    assert "more than 100 entries in one folder" in refusal(tea)


def test_folders_in_folders_end_somewhere(tea: Path) -> None:
    deep = tea.joinpath(*"abcdefgh")
    deep.mkdir(parents=True)
    assert "more than 6 deep" in refusal(tea)


@pytest.mark.parametrize("name", ["a\nb.md", "<b>.md", "-rf", "a:b", "a\u202eb.md", " x", "x" * 230])
def test_names_that_would_fool_a_reader_are_refused(tea: Path, name: str) -> None:
    (tea / name).write_text("x")
    said = refusal(tea)
    assert "is no name for a file here" in said
    assert said.isprintable() or said.replace("\n", "").isprintable()


def test_names_that_differ_only_in_capitals_are_refused(tea: Path) -> None:
    (tea / "Notes.md").write_text("x")
    (tea / "notes.md").write_text("y")
    assert "only in capital letters" in refusal(tea)


def test_an_archive_or_nothing_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "tea.zip").write_bytes(b"PK\3\4")
    assert "is no folder. Give the folder that holds SKILL.md, unpacked." in refusal(tmp_path / "tea.zip")


def test_a_folder_without_skill_md_says_what_is_missing(tmp_path: Path) -> None:
    assert "SKILL.md: is missing" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("front", "words"),
    [
        ("a: &a [x,x]\nb: &b [*a,*a]\n", "SKILL.md, line 2: anchors and aliases"),
        ("name: !!python/object/apply:os.system ['true']\n", "SKILL.md, line 2: tags (!)"),
        (f"{FRONT}metadata: {'[' * 50}{']' * 50}\n", "line 4: the front matter holds too much, or too deep"),
        (f"{FRONT}metadata: {'[' * 15000}\n", "line 4: the front matter holds too much, or too deep"),
        (FRONT + "".join(f"k{n}: x\n" for n in range(600)), "holds too much"),
        (FRONT + f"x: {'y' * 20000}\n", "longer than 16000 characters"),
        ("name: tea\n\tdescription: x\n", "line 3: this is no YAML"),
        ("name: 'tea\ndescription: x\n", "this is no YAML"),
        ("name: tea\ndescription: a\x07b\n", "line 3: this is no YAML: a character that cannot stand here"),
        ("- a\n- b\n", "must be lines of the form name: value"),
        ("name: tea\nname: coffee\ndescription: x\n", "line 3: 'name' stands here twice"),
        ("? [a, b]\n: c\n", "line 2: a name must be a word"),
    ],
)
def test_yaml_that_would_grow_run_or_confuse_is_refused_with_its_line(tmp_path: Path, front: str, words: str) -> None:
    assert words in refusal(write(tmp_path / "tea", front=front))


def test_binary_rubbish_is_no_text(tmp_path: Path) -> None:
    folder = write(tmp_path / "tea")
    (folder / "SKILL.md").write_bytes(b"---\nname: tea\n\xff\xfe\x00")
    assert "SKILL.md, line 3: is not UTF-8 text" in refusal(folder)


@pytest.mark.parametrize("code", ["-" * 200_000 + "1", "(" * 90_000, "TOOLS = [" + "[" * 5000, "a\0b", "def"])
def test_python_that_chokes_a_parser_is_refused(tmp_path: Path, code: str) -> None:
    assert "tools.py" in refusal(write(tmp_path / "tea", tools=code))


def test_nothing_of_a_package_is_run_or_imported(tmp_path: Path) -> None:
    trap = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    folder = write(
        tmp_path / "tea",
        tools=trap + "TOOLS = []\n",
        setup__py=trap,
        conftest__py=trap,
        sitecustomize__py=trap,
    )
    install(folder)
    assert not (tmp_path / "ran").exists()


def test_what_nobody_could_read_is_left_behind(tea: Path) -> None:
    (tea / ".git").mkdir()
    (tea / ".git" / "config").symlink_to("/etc/passwd")
    (tea / "__pycache__").mkdir()
    (tea / "__pycache__" / "tools.cpython-311.pyc").write_bytes(b"x")
    (tea / "fast.so").write_bytes(b"x")
    assert [each["name"] for each in install(tea).files] == ["SKILL.md"]
