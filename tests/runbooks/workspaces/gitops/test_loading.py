"""Documents of a commit: read after each operation, kept in a row, and their errors told once."""

from __future__ import annotations

import pytest

from runbooks.models import CommandSet, Project
from runbooks.workspaces import git
from runbooks.workspaces.gitops.finding import asks_approval, find_command, list_commands, read_words, usage
from runbooks.workspaces.gitops.loading import load_due, read_documents
from sessions_app.models import Card
from tests.runbooks.workspaces.gitops.changing import SCALE_FILE, operate, shop
from tests.runbooks.workspaces.gitops.papers import DEPLOY, SCALE, swapped

pytestmark = pytest.mark.django_db(transaction=True)


def lines(made: Project) -> list[str]:
    return [usage(each.document) for each in list_commands(made)]


def test_an_operation_has_them_read_and_the_ticker_what_it_missed() -> None:
    made = shop()
    assert lines(made) == ["/scale SERVICE COUNT"]
    operate(made, {".claw/commands/b.yml": swapped("command: /scale", "command: /grow"), ".claw/commands/x.txt": "x"})
    assert lines(made) == ["/grow SERVICE COUNT", "/scale SERVICE COUNT"]

    assert load_due() == 0
    CommandSet.objects.all().delete()
    assert load_due() == 1
    assert CommandSet.objects.get().commit == git.head(made)


def test_errors_are_told_once_for_what_was_written() -> None:
    made = shop(swapped("autoMerge: true", "autoMerge: maybe"))
    card = Card.objects.get(kind="change-errors")
    assert card.data["errors"][0].startswith(f"{SCALE_FILE}: line 13: spec.gitOps.autoMerge: ")
    assert lines(made) == []

    operate(made, {"other": "x"})
    again = Card.objects.get(kind="change-errors")
    assert again.version == card.version
    operate(made, {SCALE_FILE: SCALE})
    assert lines(made) == ["/scale SERVICE COUNT"]


def test_hostile_files_are_errors_and_keep_nothing_from_being_read() -> None:
    made = shop()
    blob = git.run_git(made, "hash-object", "-w", "--stdin", stdin=b"scale.yaml").stdout.decode().strip()
    git.run_git(made, "update-index", "--add", "--cacheinfo", f"120000,{blob},.claw/commands/link.yaml")
    raw = git.run_git(made, "hash-object", "-w", "--stdin", stdin=b"\xff\xfe").stdout.decode().strip()
    git.run_git(made, "update-index", "--add", "--cacheinfo", f"100644,{raw},.claw/commands/raw.yaml")
    large = git.run_git(made, "hash-object", "-w", "--stdin", stdin=b"#" * 70_000).stdout.decode().strip()
    git.run_git(made, "update-index", "--add", "--cacheinfo", f"100644,{large},.claw/commands/a\nb.yaml")
    twice = git.run_git(made, "hash-object", "-w", "--stdin", stdin=SCALE.encode()).stdout.decode().strip()
    git.run_git(made, "update-index", "--add", "--cacheinfo", f"100644,{twice},.claw/commands/twice.yaml")
    git.run_git(made, "commit", "-q", "-m", "Tricks")

    loaded = read_documents(made, git.head(made))
    assert [each.file for each in loaded.documents] == [SCALE_FILE]
    files = [error.partition(": ")[0].removeprefix(".claw/commands/") for error in loaded.errors]
    assert files == ["a b.yaml", "link.yaml", "raw.yaml", "twice.yaml"]


def test_the_document_that_names_most_of_the_words_is_meant() -> None:
    made = shop()
    operate(made, {".claw/commands/web.yaml": swapped("command: /scale", "command: /scale\n  args: [Web]")})
    found = list_commands(made)
    assert find_command(found, "Scale", ["web", "x"]) == found[1]
    assert find_command(found, "scale", ["api"]) == found[0]
    assert find_command(found, "other", []) is None
    assert read_words(found[0].document, ["count=3", "web"]) == {"count": "3", "service": "web"}


def test_a_policy_for_deploys_counts_where_it_says_and_while_nobody_can_read_it() -> None:
    made = shop()
    assert not asks_approval(made, "deploy", ["production"])
    operate(made, {".claw/commands/deploy.yaml": DEPLOY})
    assert asks_approval(made, "deploy", ["production"])
    assert not asks_approval(made, "deploy", ["staging"])
    assert lines(made) == ["/scale SERVICE COUNT"]  # a policy is no command

    operate(made, {".claw/commands/deploy.yaml": "broken: ["})
    assert asks_approval(made, "deploy", ["staging"])
