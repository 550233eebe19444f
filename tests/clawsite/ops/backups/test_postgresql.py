"""The same drill on a server: what is dumped is counted in one moment, restored beside, and put in place by a name."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import msgspec
import psycopg
import pytest

from clawsite.ops.backups.properties import apply_settings, create_alike, read_properties
from tests.clawsite.ops.backups.installation import manage
from tests.servers.services import PostgresService

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]


def ask(url: str, *statements: str) -> int:
    """Run statements, each for itself; return the number that the last one tells."""
    with psycopg.connect(url, autocommit=True) as base:
        cursor = base.cursor()
        for statement in statements:
            cursor.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return int(row[0]) if row else 0


EVENTS = "SELECT count(*) FROM core_auditevent WHERE action = 't'"
ONE = "INSERT INTO core_auditevent (at, action, actor, subject, origin, data) VALUES (now(), 't', '', '', '', '{}')"
SCRATCH = "SELECT count(*) FROM pg_database WHERE datname LIKE 'claw_scratch%'"


def test_a_server_is_backed_up_and_restored(postgres_service: PostgresService, tmp_path: Path) -> None:
    name = f"drill_{secrets.token_hex(4)}"
    admin, url = postgres_service.url(), postgres_service.url(name)
    ask(admin, f"CREATE DATABASE {name}")
    ask(url, ONE, ONE)
    home = tmp_path / "home"
    (home / "media").mkdir(parents=True)
    (home / "media/a.txt").write_text("a")
    made = manage(home, "backup", "--json", DATABASE_URL=url)
    assert made.returncode == 0, made.stderr
    ask(url, "DELETE FROM core_auditevent")
    (home / "media/a.txt").unlink()

    done = manage(home, "restore", "latest", "--yes", "--json", DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    assert ask(url, EVENTS) == 2
    assert ask(postgres_service.url(json.loads(done.stdout)["database"]), EVENTS) == 0
    assert (home / "media/a.txt").read_text() == "a"
    assert ask(admin, SCRATCH) == 0


def test_a_database_keeps_its_encoding_locale_and_settings(postgres_service: PostgresService) -> None:
    name = f"alike_{secrets.token_hex(4)}"
    ask(
        postgres_service.url(),
        f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'",
        f'ALTER DATABASE {name} SET search_path TO "$user", public, pg_temp',
        f"ALTER DATABASE {name} SET statement_timeout TO '7min'",
    )
    with psycopg.connect(postgres_service.url(name), autocommit=True) as base:
        found = read_properties(base.cursor())
        create_alike(base.cursor(), f"{name}_new", found)
        create_alike(base.cursor(), f"{name}_elsewhere", msgspec.structs.replace(found, collate="xx_XX"))
    with psycopg.connect(postgres_service.url(f"{name}_new"), autocommit=True) as base:
        apply_settings(base.cursor(), f"{name}_new", found)
        assert read_properties(base.cursor()) == found
    assert (found.encoding, found.collate, found.ctype) == ("LATIN1", "C", "C")
    assert found.settings == ['search_path="$user", public, pg_temp', "statement_timeout=7min"]


@pytest.mark.soak
def test_a_database_that_somebody_uses_is_not_replaced(postgres_service: PostgresService, tmp_path: Path) -> None:
    name = f"busy_{secrets.token_hex(4)}"
    url = postgres_service.url(name)
    ask(postgres_service.url(), f"CREATE DATABASE {name}")
    home = tmp_path / "home"
    (home / "media").mkdir(parents=True)
    made = manage(home, "backup", DATABASE_URL=url)
    assert made.returncode == 0, made.stderr
    ask(url, ONE)
    (home / "media/later.txt").write_text("stays")

    with psycopg.connect(url) as busy:
        busy.execute("SELECT 1")
        refused = manage(home, "restore", "latest", "--yes", DATABASE_URL=url)

    assert "cannot be put in place" in refused.stderr, refused.stderr
    assert (home / "media/later.txt").exists()
    assert (ask(url, EVENTS), ask(postgres_service.url(), SCRATCH)) == (1, 0)


@pytest.mark.soak
def test_a_role_that_may_make_no_database_is_told_so(postgres_service: PostgresService, tmp_path: Path) -> None:
    name = f"poor_{secrets.token_hex(4)}"
    ask(postgres_service.url(), f"CREATE ROLE {name} LOGIN", f"CREATE DATABASE {name}")
    ask(postgres_service.url(name), f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}",
        f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {name}")  # fmt: skip
    url = postgres_service.url(name).replace("clawsite@", f"{name}@")
    made = manage(tmp_path / "home", "backup", DATABASE_URL=url)

    assert made.returncode == 1
    assert "CREATEDB" in made.stderr
    assert "Traceback" not in made.stderr
