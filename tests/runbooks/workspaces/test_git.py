"""Git as we call it: commits by people, merges, reverts, trees of jobs, and nothing that a tree could tell it to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django import Settings

from clawsite.core.errors import BadInput
from runbooks.workspaces import git
from runbooks.workspaces.git.calling import dirs_of, run_git
from runbooks.workspaces.git.packs import hold_packs
from runbooks.workspaces.git.tidying import tidy
from runbooks.workspaces.roots import job_tree, project_root, repository_of, tree_of
from tests.runbooks.people import ALICE, BOB
from tests.runbooks.workspaces.making import commit, project, write

pytestmark = pytest.mark.django_db


def test_a_commit_says_who_asked_and_what_for() -> None:
    made = project()
    write(tree_of(made), {"a.txt": "one\n"})

    sha = commit(made, "Add a.", actor=ALICE, op="/code add a", job="abc")

    text = run_git(made, "log", "-1", "--format=%an <%ae>|%cn|%B").stdout.decode()
    assert text.strip() == (
        "Alice <user-1@clawsite.invalid>|clawsite|Add a.\n\n"
        "Requested-by: Alice (user:1)\nChat-Op: /code add a\nJob: abc"
    )
    assert git.head(made) == sha
    assert git.is_clean(made)
    assert [(each.subject, each.op) for each in git.log(made)] == [("Add a.", "/code add a"), ("Begin.", "")]
    assert git.commit_all(made, tree_of(made), "Again.", actor=BOB) is None


def test_a_tree_holds_no_git_and_nobody_else_may_enter() -> None:
    made = project()

    assert sorted(path.name for path in tree_of(made).iterdir()) == ["README.md"]
    assert {path.stat().st_mode & 0o777 for path in (project_root(made), tree_of(made), repository_of(made))} == {0o700}
    assert not (repository_of(made) / "hooks").exists()


def test_a_job_has_a_branch_and_files_of_its_own() -> None:
    made = project(files={"a.txt": "one\n"})
    tree = git.add_worktree(made, "j1", "job/j1")
    write(tree, {"a.txt": "two\n", "b/c.txt": "new\n"})
    sha = commit(made, "Change a.", tree=tree)

    assert tree == job_tree(made, "j1")
    assert (tree_of(made) / "a.txt").read_text() == "one\n"
    assert git.diff_stat(made, "main", sha) == [
        git.FileStat(path="a.txt", added=1, removed=1),
        git.FileStat(path="b/c.txt", added=1, removed=0),
    ]
    assert "+two" in git.diff(made, "main", "job/j1")
    assert git.add_worktree(made, "j1", "job/j1") == tree  # once more after a crash
    assert (tree / "a.txt").read_text() == "two\n"

    assert git.merge_branch(made, "job/j1", actor=BOB) == sha  # main only goes forward
    assert (tree_of(made) / "b/c.txt").read_text() == "new\n"
    git.remove_worktree(made, "j1", branch="job/j1")
    assert not tree.exists()
    assert git.head(made) == sha
    with pytest.raises(BadInput):
        git.branch_head(made, "job/j1")


def test_two_branches_become_one_commit_or_a_conflict() -> None:
    made = project(files={"a.txt": "1\n2\n3\n4\n5\n"})
    for key, change in (("j1", {"a.txt": "one\n2\n3\n4\n5\n"}), ("j2", {"b.txt": "b\n"}), ("j3", {"a.txt": "uno\n"})):
        write(git.add_worktree(made, key, f"job/{key}"), change)
        commit(made, f"By {key}.", tree=job_tree(made, key))
    git.merge_branch(made, "job/j1", actor=BOB)

    merged = git.merge_branch(made, "job/j2", actor=ALICE)

    assert run_git(made, "log", "-1", "--format=%an %p", merged).stdout.decode().split()[0] == "Alice"
    assert (tree_of(made) / "a.txt").read_text().startswith("one")
    assert (tree_of(made) / "b.txt").exists()
    with pytest.raises(git.Conflict) as caught:
        git.merge_branch(made, "job/j3", actor=BOB)
    assert caught.value.paths == ["a.txt"]
    assert (git.head(made), git.is_clean(made)) == (merged, True)
    assert git.merge_branch(made, "job/j2", actor=BOB) == merged  # delivered twice


def test_a_project_goes_back_to_a_commit_by_a_new_one() -> None:
    made = project(files={"a.txt": "one\n"})
    first = git.head(made)
    write(tree_of(made), {"a.txt": "two\n", "b.txt": "b\n"})
    second = commit(made, "Change.")
    write(tree_of(made), {"c.txt": "c\n"})
    commit(made, "More.")

    sha = git.return_to(made, first[:8], actor=ALICE)

    assert git.head(made) == sha
    assert git.has_same_files(made, first, sha)
    assert [path.name for path in tree_of(made).iterdir()] == ["a.txt"]
    assert git.log(made)[0].subject.startswith(f"Return to {first[:8]}: ")
    with pytest.raises(BadInput, match="has the files of"):
        git.return_to(made, first, actor=ALICE)
    git.add_worktree(made, "j9", "job/j9")
    elsewhere = git.add_worktree(made, "j8", "job/j8")
    write(elsewhere, {"d.txt": "d\n"})
    foreign = git.commit_all(made, elsewhere, "Elsewhere.", actor=BOB)
    assert foreign
    with pytest.raises(BadInput, match="not part of main"):
        git.return_to(made, foreign, actor=ALICE)
    assert git.return_to(made, second, actor=ALICE) == git.head(made)


def test_what_a_killed_process_left_is_put_right() -> None:
    made = project(files={"a.txt": "one\n"})
    write(tree_of(made), {"a.txt": "two\n"})
    second = commit(made, "Two.")
    git.return_to(made, f"{second}^", actor=BOB)
    repository = repository_of(made)
    run_git(made, "update-ref", "refs/heads/main", second)  # moved, but the files were not
    (repository / "index.lock").touch()
    ahead = repository / "refs" / "heads" / "main.lock"
    ahead.touch()
    os.utime(ahead, (2**32, 2**32))  # so was the clock then

    assert git.refresh_tree(made)
    assert (tree_of(made) / "a.txt").read_text() == "two\n"
    assert not git.refresh_tree(made)


@pytest.mark.parametrize(
    ("files", "message", "error"),
    [
        ({"a.txt": "key = sk-ant-api03-" + "a1b2c3d4" * 4}, "Add.", "a.txt holds a secret"),
        ({"a.txt": "ok"}, "Use sk-ant-api03-" + "a1b2c3d4" * 4, "message of the commit holds a secret"),
        ({"deep/.env": "A=1"}, "Add.", "deep/.env is a file that holds secrets"),
        ({"lib/.git/HEAD": "ref: refs/heads/main\n", "lib/.git/config": "[core]\n"}, "Add.", "There is a .git"),
        ({"a.txt": "ok"}, "  \n", "needs a message"),
    ],
)
def test_what_must_not_be_committed(files: dict[str, str], message: str, error: str) -> None:
    made = project()
    before = git.head(made)
    write(tree_of(made), files)

    with pytest.raises(BadInput, match=error):
        git.commit_all(made, tree_of(made), message, actor=BOB)
    assert git.head(made) == before
    assert not run_git(made, "diff", "--cached", "--name-only").stdout


def test_a_project_holds_only_so_much(settings: Settings) -> None:
    made = project()
    settings.CLAW_PROJECT_FILES = 2
    write(tree_of(made), {"a": "", "b": ""})
    with pytest.raises(BadInput, match="2 files"):
        commit(made, "Add.")


def test_nothing_in_a_tree_or_repository_is_run(tmp_path: Path) -> None:
    made = project()
    trap = tmp_path / "trap"
    script = f"#!/bin/sh\ntouch {trap}\n"
    hooks = repository_of(made) / "hooks"
    hooks.mkdir()
    for name in ("pre-commit", "post-commit", "post-checkout", "reference-transaction", "post-index-change"):
        (hooks / name).write_text(script)
        (hooks / name).chmod(0o755)
    write(tree_of(made), {".gitattributes": "* filter=evil diff=evil merge=evil\n", "evil": script, ".gitconfig": ""})
    (tree_of(made) / "evil").chmod(0o755)

    sha = commit(made, "Try.")
    git.diff(made, sha, f"{sha}^")
    git.return_to(made, f"{sha}^", actor=BOB)

    assert not trap.exists()
    with pytest.raises(git.GitFailed):
        run_git(made, "fetch", f"ext::sh -c touch% {trap}", "main")
    with pytest.raises(git.GitFailed, match="not allowed"):
        run_git(made, "fetch", f"file://{repository_of(made)}", "main")
    assert not trap.exists()


def test_links_come_out_of_git_as_files() -> None:
    made = project()
    (tree_of(made) / "link").symlink_to("/etc/passwd")
    commit(made, "Link.")
    tree = git.add_worktree(made, "j1", "job/j1")

    assert not (tree / "link").is_symlink()
    assert (tree / "link").read_text() == "/etc/passwd"


@pytest.mark.parametrize("name", ["--output=/tmp/x", "a..b", "", "a b", "-"])
def test_the_name_of_a_commit_is_no_option(name: str) -> None:
    with pytest.raises(BadInput):
        git.branch_head(project(), name)


def test_a_tree_elsewhere_is_refused(tmp_path: Path) -> None:
    made = project()
    with pytest.raises(BadInput, match="no tree"):
        dirs_of(made, tmp_path)


def test_what_git_says_is_told_without_secrets() -> None:
    made = project()
    with pytest.raises(git.GitFailed) as caught:
        run_git(made, "log", "sk-ant-api03-" + "a1b2c3d4" * 4, "--")
    assert "a1b2c3d4" not in caught.value.message


def test_a_repository_is_packed_when_much_lies_about_and_its_history_ends_somewhere(settings: Settings) -> None:
    made = project()
    objects = repository_of(made) / "objects"
    assert not tidy(made)
    write(tree_of(made), {f"{number}.txt": str(number) for number in range(700)})
    tree = git.add_worktree(made, "j1", "job/j1")
    write(tree, {"b.txt": "b"})
    commit(made, "Add.", tree=tree)
    commit(made, "More.")

    before = git.head(made)
    assert not tidy(made, packs=0)
    with hold_packs(made, seconds=1):
        assert not tidy(made, loose=1)  # something is being fetched
    assert tidy(made, loose=1)
    assert tidy(made, packs=0)
    assert list((objects / "pack").glob("*.pack"))
    assert (git.head(made), git.head(made, tree)) == (before, git.branch_head(made, "job/j1"))
    assert git.is_clean(made, tree)

    settings.CLAW_PROJECT_MEGABYTES = 1
    (objects / "pack" / "big.tmp").write_bytes(os.urandom(3 * 1024**2))
    write(tree_of(made), {"c.txt": "c"})
    with pytest.raises(BadInput, match="larger than 2 MB"):
        commit(made, "Too much.")


def test_a_large_file_is_not_added_as_a_pack_which_a_fetch_would_take_for_a_rest() -> None:
    made = project()
    with (repository_of(made) / "config").open("a", encoding="ascii") as config:
        config.write("[core]\n\tbigFileThreshold = 1k\n")  # as git has it: 512m
    write(tree_of(made), {"large.txt": "a line\n" * 1000})

    commit(made, "Add.")

    assert not list((repository_of(made) / "objects" / "pack").iterdir())


TOKEN = "ghp_" + "a1B2c3D4e5" * 4


@pytest.mark.parametrize(
    "files",
    [
        {"a.txt": f"++ {TOKEN}\n"},  # looks like the head of a file in a diff
        {"a.txt": f"++ b/{TOKEN}\n"},
        {".gitattributes": "*.txt -diff\n", "a.txt": f"{TOKEN}\n"},
        {".gitattributes": "*.txt binary\n", "a.txt": f"{TOKEN}\n"},
        {"a.bin": f"\0\1\2 {TOKEN} \0\n"},
        {f"{TOKEN}.txt": "a name\n"},
    ],
)
def test_a_secret_is_found_however_it_is_hidden(files: dict[str, str]) -> None:
    made = project()
    before = git.head(made)
    write(tree_of(made), files)

    with pytest.raises(BadInput, match="holds a secret"):
        git.commit_all(made, tree_of(made), "Add.", actor=BOB)

    assert git.head(made) == before


def test_a_secret_is_found_in_a_file_that_gets_another_name() -> None:
    text = "".join(f"line {number}\n" for number in range(40))
    made = project(files={"a.txt": text})
    (tree_of(made) / "a.txt").unlink()
    write(tree_of(made), {"b.txt": text + "key = sk-ant-api03-" + "a1b2c3d4" * 4 + "\n"})

    with pytest.raises(BadInput, match=r"b\.txt holds a secret"):
        git.commit_all(made, tree_of(made), "Rename.", actor=BOB)


def test_an_answer_of_git_that_is_cut_is_none() -> None:
    made = project(files={f"{number}.txt": "x\n" for number in range(9)})

    with pytest.raises(git.GitFailed, match="more to say"):
        run_git(made, "ls-tree", "-r", "HEAD", output_bytes=100)

    assert run_git(made, "ls-tree", "-r", "HEAD", output_bytes=100, may_cut=True).truncated


def test_no_file_keeps_itself_out_of_a_difference() -> None:
    made = project(files={".gitattributes": "*.py -diff\n*.md binary\n", "a.py": "x = 1\n", "a.md": "a\n"})
    tree = git.add_worktree(made, "j1", "code/1")
    write(tree, {"a.py": "x = 2\n", "a.md": "b\n"})
    sha = commit(made, "Change both.", tree=tree)

    assert "+x = 2" in git.diff(made, "main", sha)
    assert "+b" in git.diff(made, "main", sha)
    assert [each.added for each in git.diff_stat(made, "main", sha)] == [1, 1]


def test_folders_within_folders_without_end_are_refused_and_go() -> None:
    made = project()
    tree = git.add_worktree(made, "j1", "code/1")
    subprocess.run(  # by a program: the path is longer than the kernel takes at once
        [sys.executable, "-c", "import os\nfor _ in range(3000): os.mkdir('deep'); os.chdir('deep')"],
        cwd=tree,
        check=True,
        timeout=60,
    )

    with pytest.raises(BadInput, match="100 deep"):
        git.commit_all(made, tree, "Dig.", actor=BOB)
    git.clean_tree(made, tree)

    assert [each.name for each in tree.iterdir()] == ["README.md"]
    assert git.is_clean(made, tree)


def test_a_history_with_strange_signs_can_be_read() -> None:
    made = project()
    named = {"GIT_AUTHOR_NAME": "Eve\x1eMallory"}
    run_git(made, "commit", "-q", "--allow-empty", "-m", "One\x1etwo\n\nChat-Op: a\x1eb", env=named)

    last, first = git.log(made)

    assert (last.sha, last.author) == (git.head(made), "Eve\x1eMallory")
    assert (last.subject, last.op, first.subject) == ("One\x1etwo", "a\x1eb", "Begin.")
