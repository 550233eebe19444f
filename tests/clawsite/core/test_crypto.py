"""Secrets at rest: unreadable in the database, never shown by accident, and no trap when their key is lost."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from django.test import override_settings

from bots.work import account_of
from clawsite.core.crypto import DecryptError, SecretText, check_secret, same_secret
from sessions_app.channels import sync_channels_from_settings
from sessions_app.models import Channel

TOKEN = "123456:" + "A" * 35
OTHER_KEY = (Fernet.generate_key().decode(),)


@pytest.fixture
def row(db: None) -> Channel:
    return Channel.objects.create(kind="telegram", name="telegram", token=TOKEN)


def stored() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT token FROM sessions_app_channel WHERE name = 'telegram'")
        return str(cursor.fetchone()[0])


def test_a_secret_is_encrypted_at_rest_and_shows_itself_only_on_purpose(row: Channel) -> None:
    assert TOKEN not in stored()
    token = Channel.objects.get().token
    assert token == TOKEN
    assert isinstance(token, SecretText)
    assert TOKEN not in repr([token])


def test_with_a_lost_key_rows_still_load_and_whoever_needs_the_secret_is_told(row: Channel) -> None:
    Channel.objects.create(kind="webchat", name="webchat")
    with override_settings(CLAW_ENCRYPTION_KEYS=OTHER_KEY):
        lost, fine = Channel.objects.order_by("name")
        assert not lost.token
        with pytest.raises(DecryptError, match="cannot be decrypted"):
            account_of(lost)
        assert account_of(fine).token == ""


def test_saving_a_row_keeps_what_could_not_be_opened(row: Channel) -> None:
    before = stored()
    with override_settings(CLAW_ENCRYPTION_KEYS=OTHER_KEY):
        found = Channel.objects.get()
        found.name = "telegram"
        found.save()
    assert stored() == before
    assert Channel.objects.get().token == TOKEN


def test_a_new_secret_takes_the_place_of_a_lost_one(row: Channel) -> None:
    with override_settings(CLAW_ENCRYPTION_KEYS=OTHER_KEY, TELEGRAM_BOT_TOKEN=TOKEN + "B"):
        sync_channels_from_settings()
        found = Channel.objects.get(name="telegram")
        assert check_secret(found.token) == TOKEN + "B"
        assert check_secret(found.webhook_secret)


@pytest.mark.parametrize(("given", "expected", "same"), [("a", "a", True), ("a", "b", False), ("", "", False)])
def test_an_empty_secret_matches_nothing(given: str, expected: str, same: bool) -> None:
    assert same_secret(given, expected) is same
