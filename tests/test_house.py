"""The house's own rules, held over every file under version control."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("bots", "clawsite", "guardrails", "runbooks", "sessions_app")
READERS = {"env_str", "env_bool", "env_int", "env_float", "env_list", "env_secret", "env_folder"}
OUR_NAMES = re.compile(r"(?:CLAW|TELEGRAM|ANTHROPIC)_[A-Z_]+|SECRET_KEY|DATABASE_URL|REDIS_URL|TIME_ZONE")
# With a letter in brackets here and there, so that this file does not break its own rule.
ELSEWHERE = re.compile(
    r"(?<![\w.])/work/(?:main|shared|plan)|/opt/(?:wheels|pypi)|/\.pyenv/|bash_[j]obs"
    r"|\bpypi\.[a-z]+|python[h]osted|npmjs\.|(?:deb|security|ftp)\.debian\.|extra-[i]ndex-url"
)
DUSTBINS = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "HARDENING.md", "RECOVERY.md")


@cache
def tracked() -> tuple[Path, ...]:
    """Return the files that are, or are about to be, under version control."""
    command = [
        "git",
        "-c",
        "safe.directory=*",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return tuple(sorted(path for path in paths if path.is_file()))


def texts(suffix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the relative name and the text of each tracked text file."""
    for path in tracked():
        if path.name.endswith(suffix):
            try:
                yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def modules(*, product: bool = False) -> Iterator[tuple[str, ast.Module]]:
    """Yield the relative name and the tree of each module; the generated migrations are left out."""
    for name, text in texts(".py"):
        if "/migrations/" not in name and (not product or name.startswith(PRODUCT)):
            yield name, ast.parse(text)


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = [f"{name}: {hit}" for name, text in texts() for hit in ELSEWHERE.findall(text)]

    assert found == []


@pytest.mark.parametrize("text", ["cd /work/" + "main", "https://pypi." + "example/simple", "x.python" + "hosted.y"])
def test_the_rule_against_places_sees_them(text: str) -> None:
    assert ELSEWHERE.search(text)


def test_every_module_says_what_lives_in_it() -> None:
    assert [name for name, tree in modules() if tree.body and not ast.get_docstring(tree)] == []


def test_no_module_is_longer_than_400_lines() -> None:
    long = {name: text.count("\n") for name, text in texts(".py") if "/migrations/" not in name}

    assert {name: lines for name, lines in long.items() if lines > 400} == {}


def test_no_module_is_a_dustbin() -> None:
    assert [name for name, _ in modules() if DUSTBINS & set(Path(name).with_suffix("").parts)] == []


def test_every_folder_of_modules_is_a_package() -> None:
    # A skill is a folder of files that is read and copied, never imported.
    folders = {(ROOT / name).parent for name, _ in texts(".py") if "/skills/builtin/" not in name} - {ROOT}

    assert [str(folder.relative_to(ROOT)) for folder in sorted(folders) if not _is_package(folder)] == []


def _is_package(folder: Path) -> bool:
    return (folder / "__init__.py").is_file()


@cache
def settings_read() -> dict[str, str]:
    """Return each name that the product reads from the environment, with its default as text."""
    calls = (
        node
        for _, tree in modules(product=True)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in READERS
    )
    return {name: default for call in calls for name, default in _name_and_default(call)}


def _name_and_default(call: ast.Call) -> Iterator[tuple[str, str]]:
    words = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    if words and isinstance(words[0], str):
        default = words[1] if len(words) > 1 else ""
        yield words[0], ("no", "yes")[default] if isinstance(default, bool) else str(default)


def settings_documented() -> dict[str, str]:
    """Return each name of .env.example with the default that it shows."""
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    return dict(re.findall(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", example, flags=re.MULTILINE))


def test_example_lists_exactly_the_settings() -> None:
    assert sorted(settings_documented()) == sorted(settings_read())


def test_example_shows_the_true_defaults() -> None:
    shown = settings_documented()
    wrong = {
        name: shown.get(name) for name, default in settings_read().items() if default and shown.get(name) != default
    }

    assert wrong == {}


def test_only_the_readers_of_core_env_read_our_names() -> None:
    offenders = [
        f"{name}:{node.lineno}"
        for name, tree in modules(product=True)
        if name != "clawsite/core/env.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call | ast.Subscript) and _reads_environment(node)
    ]

    assert offenders == []


def _reads_environment(node: ast.Call | ast.Subscript) -> bool:
    source, key = (node.func, node.args[:1]) if isinstance(node, ast.Call) else (node.value, [node.slice])
    is_environment = ast.unparse(source) in {"os.environ", "os.environ.get", "os.environ.pop", "os.getenv"}
    names = [part.value for part in key if isinstance(part, ast.Constant)]
    return is_environment and any(OUR_NAMES.fullmatch(str(name)) for name in names)


def test_locks_hold_a_hash_for_everything() -> None:
    for lock in ("requirements.txt", "requirements-dev.txt", ".ci/uv.txt", ".ci/openclaw/node.txt"):
        text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
        assert [line for line in text.splitlines() if "--hash=sha256:" not in line] == []


def test_tests_run_with_what_the_product_runs_with() -> None:
    runtime, dev = (
        set(re.findall(r"^[a-z].*==.*?(?= \\$)", (ROOT / lock).read_text(encoding="utf-8"), flags=re.MULTILINE))
        for lock in ("requirements.txt", "requirements-dev.txt")
    )

    assert runtime
    assert runtime - dev == set()


def test_project_and_product_agree_on_the_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["version"] == settings.VERSION


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_name_only_commands_and_files_that_exist(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    commands = set(re.findall(r"manage\.py ([a-z_]+)", text)) - set(get_commands())
    scripts = {name for name in re.findall(r"(?<![\w.])\./([\w.-]+)", text) if not (ROOT / name).exists()}
    links = {name for name in re.findall(r"\]\(([\w./-]+)\)", text) if not (ROOT / name).exists()}

    assert (commands, scripts, links) == (set(), set(), set())
