"""The templates: each one is written out whole, and its own tests pass where nothing but this machine is in reach."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from pytest_django import Settings

from clawsite.core.errors import BadInput
from guardrails.processes import Completed
from runbooks.models import Project
from runbooks.workspaces.manifest import Command, Manifest, parse_manifest
from runbooks.workspaces.running import run_in_tree, sandbox_state
from runbooks.workspaces.templates import (
    find_template,
    get_template,
    list_templates,
    package_name,
    render_template,
    write_template,
)

TYPES = ("django-app", "fastapi-service", "node-service", "python-package", "static-site", "telegram-bot")


def run(tree: Path, command: Command) -> Completed:
    """Run a command as a project's commands are run: with this Python's packages, and without a network."""
    return run_in_tree(Project(key="shop", name="shop"), command.argv, tree=tree, seconds=120)


@pytest.fixture(autouse=True)
def unconfined(settings: Settings) -> None:
    """Where there is no sandbox, run them with limits only."""
    settings.CLAW_UNSANDBOXED = sandbox_state() == "off"


def written(type: str, name: str, tree: Path) -> Manifest:
    """Write a project out and return its manifest."""
    write_template(get_template(type), name, tree)
    return parse_manifest((tree / "claw.yaml").read_bytes())


def test_the_six_types() -> None:
    assert tuple(each.type for each in list_templates()) == TYPES


@pytest.mark.parametrize("type", TYPES)
def test_a_template_is_whole(type: str, tmp_path: Path) -> None:
    manifest = written(type, "shop-2", tmp_path)

    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    texts = "\n".join((tmp_path / name).read_text(encoding="utf-8") for name in files)
    assert {"README.md", ".gitignore", "claw.yaml"} <= files
    assert not re.search(r"\{\{(name|package|title)|__package__|\.tmpl", texts + "\n".join(files))
    assert (manifest.name, manifest.type) == ("shop-2", type)
    assert manifest.test
    assert manifest.lint
    assert manifest.build
    assert [stage.name for stage in manifest.stages] == ["lint", "test", "build"]
    assert manifest.environments["production"].after == ["staging"]
    assert manifest.environments["production"].approval


@pytest.mark.parametrize("type", TYPES)
def test_its_own_tests_lint_and_build_pass(type: str, tmp_path: Path) -> None:
    if type == "node-service" and shutil.which("node") is None:
        pytest.skip("needs node")
    manifest = written(type, "shop-2", tmp_path)

    for command in (manifest.test, manifest.lint, manifest.build):
        assert command
        done = run(tmp_path, command)
        assert done.ok, (command.argv, (done.stdout + done.stderr).decode())


@pytest.mark.parametrize(("type", "code"), [("django-app", 0), ("telegram-bot", 0), ("fastapi-service", 1)])
def test_its_setup_needs_no_network_for_what_is_there(type: str, code: int, tmp_path: Path) -> None:
    setup = written(type, "shop", tmp_path).setup
    if code:
        (tmp_path / "requirements.txt").write_text("no-such-package-of-anybody==1\n")

    assert setup
    done = run(tmp_path, setup)
    assert done.code == code
    assert (b"An admin decides" in done.stdout) == bool(code)


@pytest.mark.parametrize("type", ["python-package", "static-site"])
def test_its_tests_notice_what_is_broken(type: str, tmp_path: Path) -> None:
    manifest = written(type, "shop", tmp_path)
    broken = {
        "python-package": ("shop/greeting.py", "Hello", "Bye"),
        "static-site": ("site/index.html", "about.", "x."),
    }
    name, old, new = broken[type]
    (tmp_path / name).write_text((tmp_path / name).read_text().replace(old, new))

    assert manifest.test
    assert run(tmp_path, manifest.test).code == 1


@pytest.mark.parametrize(
    ("name", "package"),
    [("shop", "shop"), ("my-shop", "my_shop"), ("2048", "p2048"), ("class", "class_project"), ("json", "json_project"),
     ("tests", "tests_project"), ("django", "django_project"), ("a-", "a_")],
)  # fmt: skip
def test_a_package_has_a_name_of_its_own(name: str, package: str) -> None:
    assert package_name(name) == package
    assert package_name(name).isidentifier()


def test_a_type_is_found_by_its_other_names() -> None:
    found = {word: find_template(word) for word in ("FastAPI", "bot", "python_package", "nothing", "")}
    assert [each.type if each else None for each in found.values()] == [
        "fastapi-service",
        "telegram-bot",
        "python-package",
        None,
        None,
    ]
    aliases = [alias for each in list_templates() for alias in each.about.aliases]
    assert len(aliases) == len(set(aliases))
    with pytest.raises(BadInput, match="django-app, fastapi-service"):
        get_template("cobol")


def test_a_name_brings_nothing_but_itself() -> None:
    """What a name could hold at worst is checked before; still it goes through no engine that runs anything."""
    texts = dict(render_template(get_template("node-service"), "a-b"))
    assert json.loads(texts["package.json"])["name"] == "a-b"
    assert "${query.get" in texts["src/server.js"]
