"""Keys rotate without a moment in which a secret cannot be read."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from django.test import override_settings

from clawsite.core.crypto import DecryptError, check_secret
from clawsite.core.errors import BadInput
from clawsite.core.models import AuditEvent, Secret
from clawsite.core.rotation import add_key, drop_old_keys, encrypt_anew, encrypted_columns, read_keys, write_keys
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
    assert found == {"Channel.token", "Channel.webhook_secret", "Secret.value"}


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
    assert drop_old_keys(key_file) == 1
    with override_settings(CLAW_ENCRYPTION_KEYS=tuple(read_keys(key_file))):
        assert Channel.objects.get().token == "123:secret"
        assert Secret.objects.get().value == "sk-ant-x"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert AuditEvent.objects.get(action="keys.rotate").data == {"secrets": 2}


def test_a_secret_without_its_key_changes_nothing(key_file: Path) -> None:
    with override_settings(CLAW_ENCRYPTION_KEYS=(Fernet.generate_key().decode(),)):
        Channel.objects.create(kind="telegram", name="t", token="123:secret")
    before = stored()
    with pytest.raises(BadInput, match=r"Channel\.token"):
        encrypt_anew(read_keys(key_file), actor="cli:test")
    assert stored() == before
    with override_settings(CLAW_ENCRYPTION_KEYS=tuple(read_keys(key_file))), pytest.raises(DecryptError):
        check_secret(Channel.objects.get().token)
