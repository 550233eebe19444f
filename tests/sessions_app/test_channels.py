"""Channels that settings describe are made once, follow the settings, and leave an admin's decisions alone."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from clawsite.core.models import AuditEvent
from sessions_app.channels import sync_channels_from_settings
from sessions_app.models import Channel, Contact

pytestmark = pytest.mark.django_db

TOKEN = "100:first"


@pytest.fixture
def telegram(settings: Settings) -> Settings:
    settings.TELEGRAM_BOT_TOKEN = TOKEN
    settings.TELEGRAM_API_URL = "http://127.0.0.1:1"
    settings.TELEGRAM_ADMIN_USERS = ["1"]
    settings.TELEGRAM_ALLOWED_USERS = ["1", "2"]
    return settings


def test_web_chat_and_gateway_are_always_there_and_telegram_only_with_a_token() -> None:
    assert [channel.kind for channel in sync_channels_from_settings()] == ["webchat", "gateway"]
    assert sync_channels_from_settings() == []


def test_a_token_makes_a_channel_and_lets_people_in(telegram: Settings) -> None:
    sync_channels_from_settings()
    channel = Channel.objects.get(name="telegram")
    assert channel.token == TOKEN
    assert channel.config["mode"] == "polling"
    assert len(channel.webhook_secret) >= 32
    people = Contact.objects.order_by("external_id").values_list("external_id", "role", "state")
    assert list(people) == [("1", "admin", "approved"), ("2", "viewer", "approved")]


def test_nothing_is_written_when_nothing_changed(telegram: Settings) -> None:
    sync_channels_from_settings()
    before = AuditEvent.objects.count()
    assert before == 5  # three channels, two people
    assert sync_channels_from_settings() == []
    assert AuditEvent.objects.count() == before


def test_a_new_token_is_taken_over_without_being_written_down_in_the_audit_log(telegram: Settings) -> None:
    sync_channels_from_settings()
    secret = Channel.objects.get(name="telegram").webhook_secret
    Channel.objects.filter(name="telegram").update(enabled=False, access="closed")
    telegram.TELEGRAM_BOT_TOKEN = "100:second"
    assert [channel.name for channel in sync_channels_from_settings()] == ["telegram"]
    channel = Channel.objects.get(name="telegram")
    assert (channel.token, channel.webhook_secret) == ("100:second", secret)
    assert (channel.enabled, channel.access) == (False, "closed")
    event = AuditEvent.objects.get(action="channel.update")
    assert event.data == {"fields": ["token"]}


def test_an_admins_decision_about_a_person_stays(telegram: Settings) -> None:
    sync_channels_from_settings()
    Contact.objects.filter(external_id="2").update(state="blocked")
    Contact.objects.filter(external_id="1").update(role="viewer")
    sync_channels_from_settings()
    people = Contact.objects.order_by("external_id").values_list("role", "state")
    assert list(people) == [("viewer", "approved"), ("viewer", "blocked")]


def test_a_person_who_waited_is_let_in(telegram: Settings) -> None:
    telegram.TELEGRAM_ALLOWED_USERS = []
    sync_channels_from_settings()
    channel = Channel.objects.get(name="telegram")
    Contact.objects.create(channel=channel, external_id="9")
    telegram.TELEGRAM_ALLOWED_USERS = ["9"]
    sync_channels_from_settings()
    assert Contact.objects.get(external_id="9").state == "approved"
