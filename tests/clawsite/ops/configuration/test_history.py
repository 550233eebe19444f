"""Each change is a commit with its author; what somebody edits is kept; what was before can be had back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from clawsite.core import audit, flags
from clawsite.core.db import close_pool, run_db
from clawsite.core.models import AuditEvent, FeatureFlag, User
from clawsite.ops.configuration import commit_now, repository, write_folder
from clawsite.ops.configuration.files import read_folder
from clawsite.ops.configuration.following import follow
from clawsite.ops.doctor import Level
from clawsite.ops.doctor.work import examine_config
from runbooks.books import read_book, save_book
from runbooks.models import MonitoredSystem, Runbook
from runbooks.workspaces.git import GitFailed
from sessions_app.models import PromptLayer
from tests.clawsite.management.running import run
from tests.clawsite.ops.configuration.making import ALICE, TOKEN, make_everything
from tests.runbooks.books.making import ECHO, book
from tests.runbooks.people import BOB

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def home(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """A state directory of this test alone."""
    settings.CLAW_HOME = tmp_path / "home"
    settings.CLAW_HOME.mkdir(mode=0o700)
    yield settings.CLAW_HOME
    close_pool()
    flags.forget()


def log(home: Path, form: str = "%an <%ae> %s") -> list[str]:
    """Return the history as git itself shows it, the newest first."""
    command = ["git", "-c", "safe.directory=*", "-C", str(home / "config"), "log", f"--format={form}"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.splitlines()


def status(home: Path) -> str:
    command = ["git", "-c", "safe.directory=*", "-C", str(home / "config"), "status", "--porcelain"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


async def test_a_change_in_the_admin_is_a_commit_with_its_author(home: Path) -> None:
    await run_db(make_everything)
    assert await follow()
    user, row = await run_db(change_in_the_admin)
    assert await follow()
    newest, first = log(home)
    assert newest == f"alice <user-{user}@clawsite.invalid> feature.change feature:{row}"
    assert first.endswith("Begin.")
    assert "everyone: false" in (home / "config" / "features" / "charts.yaml").read_text()
    assert status(home) == ""
    assert await follow() is None


def change_in_the_admin() -> tuple[int, int]:
    """Switch charts off as Alice; return the numbers of her and of the row."""
    user = User.objects.create_superuser("alice", password="x")
    client = Client()
    client.force_login(user)
    row = FeatureFlag.objects.get(name="charts")
    url = reverse("admin:core_featureflag_change", args=[row.pk])
    assert client.post(url, {"everyone": "false", "percent": "", "note": ""}).status_code == 302
    return user.pk, row.pk


def test_many_changes_are_packed_and_all_still_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_everything()
    commit_now("First.\n", actor=ALICE)
    monkeypatch.setattr(repository, "LOOSE", 0)
    FeatureFlag.objects.filter(name="charts").update(everyone=False)
    commit_now("Second.\n", actor=ALICE)
    objects = home / "config" / ".git" / "objects"
    assert list(objects.glob("[0-9a-f][0-9a-f]/*")) == []
    assert len(list(objects.glob("pack/*.pack"))) == 1
    assert log(home, "%s") == ["Second.", "First."]
    assert status(home) == ""


async def test_every_change_of_a_runbook_is_there_with_who_made_it(home: Path) -> None:
    await follow()
    await run_db(lambda: save_book(book(ECHO), actor=BOB))
    assert await follow()
    path = home / "config" / "runbooks" / "try.yaml"
    assert read_book(path.read_text()) == book(ECHO)
    await run_db(lambda: save_book(book(ECHO, ECHO), actor=BOB))
    assert await follow()
    assert read_book(path.read_text()) == book(ECHO, ECHO)
    alice = await run_db(delete_in_the_admin)
    assert await follow()
    assert not path.exists()
    said = [line.rpartition(" ")[0] for line in log(home)[:3]]
    by_bob = "user:2 <user-2@clawsite.invalid> runbook"
    assert said == [f"alice <user-{alice}@clawsite.invalid> runbook.delete", f"{by_bob}.change", f"{by_bob}.create"]
    assert status(home) == ""


def delete_in_the_admin() -> int:
    """Delete the runbook as Alice; return the number of her."""
    user = User.objects.create_superuser("alice", pk=1001)
    client = Client()
    client.force_login(user)
    url = reverse("admin:runbooks_runbook_delete", args=[Runbook.objects.get(name="try").pk])
    assert client.post(url, {"post": "yes"}).status_code == 302
    return user.pk


async def test_what_a_killed_git_left_is_cleared_away_and_what_a_person_holds_is_not(home: Path) -> None:
    await run_db(make_everything)
    await follow()
    old = home / "config" / ".git" / "index.lock"
    old.touch()
    os.utime(old, (1, 1))
    user, _ = await run_db(change_in_the_admin)
    assert await follow()
    assert not old.exists()
    assert f"user-{user}" in log(home)[0]

    old.touch()
    await run_db(lambda: FeatureFlag.objects.filter(name="charts").update(everyone=True))
    with pytest.raises(GitFailed, match="lock"):
        await run_db(lambda: commit_now("x", actor=ALICE))
    assert old.exists()


async def test_what_is_no_configuration_makes_no_commit(home: Path) -> None:
    await run_db(make_everything)
    await follow()
    await run_db(lambda: audit.record("session.reset", actor="user:1", subject="session:1"))
    assert await follow() is None
    assert repository.read_seen() == (await run_db(AuditEvent.objects.latest, "pk")).pk
    assert len(log(home)) == 1


async def test_an_older_database_that_was_restored_is_followed_again(home: Path) -> None:
    await run_db(make_everything)
    repository.write_seen(10**9)
    assert await follow()
    assert await follow() is None


def test_no_secret_is_in_the_repository(home: Path) -> None:
    make_everything()
    commit_now("x", actor=ALICE)
    found = [path for path in (home / "config").rglob("*.yaml") if TOKEN in path.read_text()]
    assert found == []
    assert (home / "config").stat().st_mode & 0o777 == 0o700


def test_what_is_being_edited_is_kept_while_others_change_things(home: Path) -> None:
    make_everything()
    commit_now("x", actor=ALICE)
    mine = home / "config" / "prompts" / "identity.yaml"
    mine.write_text(mine.read_text().replace("budget:", "budget: 77\n#"))
    (home / "config" / "systems" / "new.yaml").write_text("name: new\n")
    MonitoredSystem.objects.update(title="The shop")
    commit_now("y", actor=ALICE)
    assert "budget: 77" in mine.read_text()
    assert "title: The shop" in (home / "config" / "systems" / "shop.yaml").read_text()
    assert sorted(repository.edits()) == ["prompts/identity.yaml", "systems/new.yaml"]
    (found,) = examine_config()
    assert (found.level, "prompts/identity.yaml" in found.text) == (Level.WARN, True)
    taken = read_folder(home / "config")
    mine.write_text(mine.read_text().replace("budget: 77", "budget: 78"))
    repository.discard_edits(taken)
    assert repository.edits() == ["prompts/identity.yaml"]
    assert "budget: 78" in mine.read_text()
    repository.discard_edits(read_folder(home / "config"))
    assert [each.level for each in examine_config()] == [Level.FINE]
    assert (repository.edits(), status(home)) == ([], "")
    assert not (home / "config" / "systems" / "new.yaml").exists()


def test_the_command_exports_compares_and_takes_in(monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path) -> None:
    make_everything()
    assert "Committed" in run(monkeypatch, "config", "export").text
    assert "committed already" in run(monkeypatch, "config", "export").text
    assert "no difference" in run(monkeypatch, "config", "diff").text
    path = home / "config" / "prompts" / "identity.yaml"
    before = PromptLayer.objects.get(key="identity").budget
    path.write_text(path.read_text().replace(f"budget: {before}", "budget: 77"))
    with pytest.raises(SystemExit) as end:
        run(monkeypatch, "config", "diff")
    assert end.value.code == 3

    assert "1 would change" in run(monkeypatch, "config", "import", "--check").text
    assert PromptLayer.objects.get(key="identity").budget == before
    assert "1 changed" in run(monkeypatch, "config", "import").text
    assert PromptLayer.objects.get(key="identity").budget == 77
    assert status(home) == ""
    assert log(home, "%s")[0] == "Import."

    assert run(monkeypatch, "config", "import").text == "0 changed, 0 removed.\n"
    write_folder(tmp_path / "few", {"prompts/identity.yaml": path.read_text()})
    said = run(monkeypatch, "config", "import", str(tmp_path / "few"), "--prune", "--check").text
    assert "would be removed.\n  " in said
    assert "  systems/shop.yaml: would be removed\n" in said
    assert "1 changed" in run(monkeypatch, "config", "import", "--revision", "last-good").text
    assert PromptLayer.objects.get(key="identity").budget == before


def test_a_wrong_file_changes_nothing_and_says_where(
    monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path
) -> None:
    make_everything()
    folder = tmp_path / "files"
    run(monkeypatch, "config", "export", "--to", str(folder))
    assert run(monkeypatch, "config", "import", str(folder)).error == ""
    (folder / "prompts" / "identity.yaml").write_text("key: identity\nbudget: [\n")
    (folder / "systems" / "shop.yaml").write_text("name: shop\ntitle: Changed\n")
    said = run(monkeypatch, "config", "import", str(folder))
    assert "Nothing was changed" in said.error
    assert "prompts/identity.yaml, line" in said.error
    assert MonitoredSystem.objects.get().title == ""


def test_links_folders_without_files_and_odd_revisions_are_refused(
    monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path
) -> None:
    make_everything()
    commit_now("x", actor=ALICE)
    assert "no documents" in run(monkeypatch, "config", "import", str(tmp_path)).error
    for name in ("--exec=x", "HEAD~1", "unknown", "../x"):
        assert run(monkeypatch, "config", "diff", f"--revision={name}").error
    link = tmp_path / "systems" / "shop.yaml"
    link.parent.mkdir()
    link.symlink_to("/etc/passwd")
    assert "no link" in run(monkeypatch, "config", "import", str(tmp_path)).error
