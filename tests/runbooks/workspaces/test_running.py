"""Commands in a project's tree: what they see, what they may use, and where there is no sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from clawsite.core.errors import NotConfigured
from guardrails import sandbox
from guardrails.sandbox import find_sandbox
from runbooks.models import Project
from runbooks.workspaces.running import run_in_tree, sandbox_state, toolchain
from tests.guardrails.test_processes import needs_sandbox, no_sandbox

__all__ = ["needs_sandbox", "no_sandbox"]


@pytest.fixture
def tree(home: Path) -> Path:
    """A project's tree below the state directory, with the installation's secrets around it."""
    (home / "secret.key").write_text("canary")
    (home / ".env").write_text("canary")
    made = home / "workspaces" / "user-1" / "shop" / "tree"
    made.mkdir(parents=True)
    return made


PROJECT = Project(key="shop", name="shop", owner="user:1")


@pytest.mark.usefixtures("needs_sandbox")
def test_a_command_has_the_python_of_the_installation_and_nothing_else_of_it(tree: Path, settings: Settings) -> None:
    code = (
        "import os, sys, pytest\n"
        "open('made', 'w').write(os.environ['HOME'])\n"
        f"for path in ({str(settings.BASE_DIR)!r} + '/manage.py', {str(tree.parents[2] / '.env')!r},\n"
        f"             '../../../../.env',\n"
        f"             {str(tree.parents[3] / 'secret.key')!r}, {str(tree.parent)!r} + '/repo.git'):\n"
        "    print(os.path.exists(path))\n"
        "print(sorted(name for name in os.environ if name.startswith(('CLAW', 'DJANGO', 'ANTHROPIC'))))\n"
    )
    done = run_in_tree(PROJECT, ["python", "-c", code], tree=tree, seconds=30)
    assert done.ok, done.stderr
    assert done.confined == sandbox_state() == "sandbox"
    assert done.stdout.decode().split("\n")[:-1] == ["False"] * 5 + ["[]"]
    assert (tree / "made").read_text() == "/tmp"
    assert [each.name for each in tree.iterdir()] == ["made"]


@pytest.mark.usefixtures("needs_sandbox")
def test_it_cannot_write_beside_its_tree_nor_in_the_toolchain(tree: Path) -> None:
    places = [str(tree.parent / "x"), *(str(path / "x") for path in toolchain())]
    done = run_in_tree(PROJECT, ["touch", *places], tree=tree, seconds=30)
    assert not done.ok
    assert not any(Path(place).exists() for place in places)


@pytest.mark.usefixtures("needs_sandbox")
def test_an_installation_below_usr_is_not_shown(tree: Path, settings: Settings) -> None:
    settings.BASE_DIR = Path("/usr/share")
    done = run_in_tree(PROJECT, ["ls", "-A", "/usr/share"], tree=tree, seconds=30)
    assert (done.code, done.stdout) == (0, b"")
    assert not run_in_tree(PROJECT, ["touch", "/usr/share/x"], tree=tree, seconds=30).ok
    assert run_in_tree(PROJECT, ["touch", "x"], tree=tree, seconds=30).ok


@pytest.mark.usefixtures("no_sandbox")
def test_without_a_sandbox_nothing_runs_unless_an_admin_said_so(tree: Path, settings: Settings) -> None:
    assert find_sandbox() is None
    assert sandbox.PATH == "/nowhere"
    settings.CLAW_UNSANDBOXED = False
    assert sandbox_state() == "off"
    with pytest.raises(NotConfigured, match="bubblewrap"):
        run_in_tree(PROJECT, ["python", "-V"], tree=tree, seconds=30)
    settings.CLAW_UNSANDBOXED = True
    done = run_in_tree(PROJECT, ["true"], tree=tree, seconds=30)
    assert sandbox_state() == done.confined == "limits"
