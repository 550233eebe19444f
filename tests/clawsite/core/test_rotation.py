"""Keys rotate without a moment in which a secret cannot be read."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest
from cryptography.fernet import Fernet, MultiFernet
from django.db import connection
from django.test import override_settings

from clawsite.core.crypto import DecryptError, check_secret
from clawsite.core.errors import BadInput
from clawsite.core.models import AuditEvent, Secret
from clawsite.core.rotation import (
    add_key,
    drop_old_keys,
    encrypt_anew,
    encrypted_columns,
    read_keys,
    rotate_when_due,
    write_keys,
)
from sessions_app.models import Channel

pytestmark = pytest.mark.django_db


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "encryption.key"
    write_keys(path, [Fernet.generate_key().decode()])
    return path


def stored(column: str = "token") -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM sessions_app_channel")  # noqa: S608 - our own column
        return str(cursor.fetchone()[0])


def test_all_columns_with_secrets_are_known() -> None:
    found = {f"{model.__name__}.{name}" for model, name in encrypted_columns()}
    assert found == {
        "Authenticator.key",
        "Channel.token",
        "Channel.webhook_secret",
        "ForgeConnection.token",
        "ForgeConnection.webhook_secret",
        "GatewayTarget.token",
        "IncidentHook.secret",
        "MonitoredSystem.credentials",
        "Remote.private_key",
        "Remote.token",
        "Secret.value",
    }


def test_secrets_stay_readable_through_a_rotation(key_file: Path) -> None:
    with override_settings(CLAW_ENCRYPTION_KEYS=tuple(read_keys(key_file))):
        Channel.objects.create(kind="telegram", name="t", token="123:secret")
        Secret.objects.create(name="ANTHROPIC_API_KEY", value="sk-ant-x")
        before = stored()
    keys = add_key(key_file)
    assert len(keys) == 2
    with override_settings(CLAW_ENCRYPTION_KEYS=tuple(keys)):
        assert Channel.objects.get().token == "123:secret"
        assert encrypt_anew(keys, actor="cli:test") == 2
    assert stored() != before
    assert "secret" not in stored()
    with override_settings(CLAW_ENCRYPTION_KEYS=(), CLAW_KEY_FILE=key_file):
        assert Channel.objects.get().token == "123:secret"
    assert drop_old_keys(key_file, actor="cli:test") == 1
    with override_settings(CLAW_ENCRYPTION_KEYS=tuple(read_keys(key_file))):
        assert Channel.objects.get().token == "123:secret"
        assert Secret.objects.get().value == "sk-ant-x"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert [event.data for event in AuditEvent.objects.filter(action="keys.rotate")] == [{"secrets": 2}] * 2


def test_a_secret_without_its_key_changes_nothing(key_file: Path) -> None:
    with override_settings(CLAW_ENCRYPTION_KEYS=(Fernet.generate_key().decode(),)):
        Channel.objects.create(kind="telegram", name="t", token="123:secret")
    before = stored()
    with pytest.raises(BadInput, match=r"Channel\.token"):
        encrypt_anew(read_keys(key_file), actor="cli:test")
    assert stored() == before
    with override_settings(CLAW_ENCRYPTION_KEYS=tuple(read_keys(key_file))), pytest.raises(DecryptError):
        check_secret(Channel.objects.get().token)


def test_a_running_process_sees_the_fresh_key_without_a_restart(key_file: Path) -> None:
    with override_settings(CLAW_ENCRYPTION_KEYS=(), CLAW_KEY_FILE=key_file):
        Channel.objects.create(kind="telegram", name="t", token="123:secret")
        encrypt_anew(add_key(key_file), actor="cli:test")
        drop_old_keys(key_file, actor="cli:test")
        assert Channel.objects.get().token == "123:secret"
        Channel.objects.update(token="456:other")
        assert Channel.objects.get().token == "456:other"


def test_keys_rotate_when_they_are_old_and_old_ones_go_a_day_later(key_file: Path) -> None:
    def age(days: float) -> None:
        when = time.time() - days * 86_400
        os.utime(key_file, (when, when))

    with override_settings(CLAW_ENCRYPTION_KEYS=(), CLAW_KEY_FILE=key_file):
        Channel.objects.create(kind="telegram", name="t", token="123:secret")
        age(29)
        assert not rotate_when_due(key_file, days=30, actor="system")
        age(31)
        assert rotate_when_due(key_file, days=30, actor="system")
        assert len(read_keys(key_file)) == 2
        assert not rotate_when_due(key_file, days=30, actor="system")
        age(1.1)
        assert rotate_when_due(key_file, days=30, actor="system")
        assert len(read_keys(key_file)) == 1
        assert Channel.objects.get().token == "123:secret"


def test_a_secret_that_is_entered_meanwhile_stays(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with override_settings(CLAW_KEY_FILE=key_file):
        row = Secret.objects.create(name="model", value="old")

        class Slow(MultiFernet):
            def rotate(self, msg: bytes | str, ttl: int | None = None) -> bytes:
                Secret.objects.filter(pk=row.pk).update(value="entered meanwhile")
                return super().rotate(msg)

        monkeypatch.setattr("clawsite.core.rotation.MultiFernet", Slow)
        encrypt_anew(add_key(key_file), actor="system")
        assert Secret.objects.get(pk=row.pk).value == "entered meanwhile"
