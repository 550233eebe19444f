"""Channels, secrets, layers and sessions are changed by forms that check, encrypt and audit."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.db import OperationalError, connection
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from clawsite.core.models import AuditEvent, Secret, User
from sessions_app.models import Channel, PromptLayer, SessionLayer
from sessions_app.sessions import add_message
from sessions_app.tokens import estimate
from tests.clawsite.admin.rows import SECRET, TOKEN, WEBHOOK_SECRET, Rows
from tests.servers.telegram import TelegramServer

pytestmark = pytest.mark.django_db(transaction=True)

NEW_TOKEN = "987654321:AAEanotherTokenOfTheChannel_0123456789"


def save_channel(client: Client, channel: Channel, **changes: Any) -> Any:
    data = {"name": channel.name, "enabled": "on", "access": channel.access, "mode": "polling"}
    data |= {"api_url": channel.config.get("api_url", ""), "new_token": "", "new_webhook_secret": ""} | changes
    return client.post(reverse("admin:sessions_app_channel_change", args=[channel.pk]), data)


def stored(column: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM sessions_app_channel")  # noqa: S608
        return str(cursor.fetchone()[0])


def test_an_empty_token_keeps_the_one_that_is_stored(alice: Client, rows: Rows) -> None:
    assert save_channel(alice, rows.channel, name="renamed").status_code == 302
    channel = Channel.objects.get()
    assert (channel.name, channel.token, channel.webhook_secret) == ("renamed", TOKEN, WEBHOOK_SECRET)
    assert channel.config["webhook_url"] == "kept"
    event = AuditEvent.objects.get(action="channel.update")
    assert event.data == {"fields": ["name"]}


def test_a_new_token_is_encrypted_and_named_nowhere(alice: Client, rows: Rows) -> None:
    answer = save_channel(alice, rows.channel, new_token=f" {NEW_TOKEN} ", new_webhook_secret="new-secret")
    assert answer.status_code == 302
    channel = Channel.objects.get()
    assert (channel.token, channel.webhook_secret) == (NEW_TOKEN, "new-secret")
    assert NEW_TOKEN not in stored("token")
    event = AuditEvent.objects.get(action="channel.update")
    assert event.data == {"fields": ["token", "webhook_secret"]}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"new_token": "nonsense-that-is-no-token"}, "no bot token"),
        ({"api_url": "ftp://x"}, "must look like"),
        ({"api_url": "https://me:pw@host"}, "must look like"),
        ({"mode": "webhook"}, "CLAW_PUBLIC_URL"),
        ({"name": "two words"}, "made of letters"),
        ({"access": "everybody"}, "valid choice"),
    ],
)
def test_wrong_settings_of_a_channel_are_refused(
    alice: Client, rows: Rows, changes: dict[str, str], problem: str
) -> None:
    answer = save_channel(alice, rows.channel, **changes)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert problem in text
    assert "nonsense-that-is-no-token" not in text
    assert Channel.objects.get().token == TOKEN


def test_a_webhook_channel_needs_the_address_of_this_server(alice: Client, rows: Rows, settings: Settings) -> None:
    settings.CLAW_PUBLIC_URL = "https://claw.example.org"
    assert save_channel(alice, rows.channel, mode="webhook").status_code == 302
    assert Channel.objects.get().config["mode"] == "webhook"


def test_a_channel_is_added_with_a_token_and_gets_a_webhook_secret(alice: Client) -> None:
    address = reverse("admin:sessions_app_channel_add")
    data = {"name": "desk", "kind": "telegram", "enabled": "on", "access": "pairing", "mode": "", "api_url": ""}
    assert "needs the token" in alice.post(address, data).content.decode()
    assert alice.post(address, data | {"new_token": NEW_TOKEN}).status_code == 302
    channel = Channel.objects.get()
    assert (channel.token, channel.config, len(channel.webhook_secret) >= 32) == (NEW_TOKEN, {}, True)
    assert AuditEvent.objects.get(action="channel.create").data == {"name": "desk", "kind": "telegram"}


def test_the_page_opens_when_the_key_file_is_lost(alice: Client, rows: Rows, settings: Settings) -> None:
    settings.CLAW_ENCRYPTION_KEYS = ("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",)
    assert alice.get(reverse("admin:sessions_app_channel_changelist")).status_code == 200
    assert alice.get(reverse("admin:sessions_app_channel_change", args=[rows.channel.pk])).status_code == 200
    assert alice.get(reverse("admin:core_secret_changelist")).status_code == 200


def test_the_test_button_asks_the_platform(alice: Client, telegram_server: TelegramServer) -> None:
    channel = Channel.objects.create(
        kind="telegram", name="desk", token=telegram_server.token, config={"api_url": telegram_server.url}
    )
    address = reverse("admin:sessions_app_channel_press", args=[channel.pk, "test"])

    def said() -> str:
        return " ".join(str(message) for message in get_messages(alice.post(address).wsgi_request))

    assert f"@{telegram_server.bots()[0]['username']}" in said()
    channel.token = NEW_TOKEN
    channel.save()
    wrong = said()
    assert "does not accept the bot token" in wrong
    assert NEW_TOKEN not in wrong
    channel.config = {"api_url": "http://127.0.0.1:9"}
    channel.save()
    assert "does not work" in said()


def test_a_secret_is_written_and_never_read(alice: Client, rows: Rows) -> None:
    address = reverse("admin:core_secret_change", args=[rows.secret.pk])
    assert alice.post(address, {"new_value": ""}).status_code == 200
    assert Secret.objects.get(pk=rows.secret.pk).value == SECRET
    assert alice.post(address, {"new_value": "sk-ant-new", "name": "OTHER"}).status_code == 302
    assert Secret.objects.get(pk=rows.secret.pk).value == "sk-ant-new"
    assert not Secret.objects.filter(pk="OTHER").exists()
    assert AuditEvent.objects.get(action="secret.change").data == {"fields": ["value"]}
    alice.post(reverse("admin:core_secret_add"), {"name": "MODEL_KEY_here:1", "new_value": "k"})
    assert Secret.objects.get(pk="MODEL_KEY_here:1").value == "k"
    answer = alice.post(reverse("admin:core_secret_add"), {"name": "FIRST_LOGIN", "new_value": "k"})
    assert "used by the system" in answer.content.decode()
    delete = reverse("admin:core_secret_delete", args=["MODEL_KEY_here:1"])
    assert alice.post(delete, {"post": "yes"}).status_code == 302
    assert AuditEvent.objects.filter(action="secret.delete", subject="secret:MODEL_KEY_here:1").count() == 1


def test_the_first_login_row_is_not_there(alice: Client) -> None:
    Secret.objects.create(name="FIRST_LOGIN", value="{}")
    assert "FIRST_LOGIN" not in alice.get(reverse("admin:core_secret_changelist")).content.decode()
    assert alice.get(reverse("admin:core_secret_change", args=["FIRST_LOGIN"])).status_code == 302


def test_a_layer_is_edited_and_its_changes_are_listed(alice: Client, rows: Rows) -> None:
    address = reverse("admin:sessions_app_promptlayer_change", args=[rows.layer.pk])
    data = {"title": "Identity", "text": "You are Claw.", "budget": "150", "priority": "10", "enabled": "on"}
    assert alice.post(address, data).status_code == 302
    assert PromptLayer.objects.get(pk=rows.layer.pk).text == "You are Claw."
    event = AuditEvent.objects.get(action="promptlayer.change")
    assert event.data == {"fields": ["budget", "text"]}
    page = alice.get(address).content.decode()
    assert "budget, text" in page
    assert f"user:{User.objects.get().pk}" in page


def test_the_core_layer_stays_on_and_layers_stay_eight(alice: Client, rows: Rows) -> None:
    core = PromptLayer.objects.get(key="core")
    address = reverse("admin:sessions_app_promptlayer_change", args=[core.pk])
    data = {"title": "Core", "text": "x", "budget": "500", "priority": "0"}
    assert "cannot be switched off" in alice.post(address, data).content.decode()
    assert alice.get(reverse("admin:sessions_app_promptlayer_add")).status_code == 403
    assert alice.post(reverse("admin:sessions_app_promptlayer_delete", args=[core.pk])).status_code == 403


def test_tokens_are_counted_as_the_prompt_counts_them(alice: Client, bob: Client, charlie: Client, rows: Rows) -> None:
    address = reverse("admin:sessions_app_promptlayer_count")
    text = "Привет! How are you, 你好?"
    for client in (alice, bob):
        assert client.post(address, {"text": text}).json() == {"tokens": estimate(text)}
    assert charlie.post(address, {"text": text}).status_code == 302
    assert alice.get(address).status_code == 405


def test_settings_of_a_session_are_checked(alice: Client, rows: Rows) -> None:
    address = reverse("admin:sessions_app_session_change", args=[rows.session.pk])
    data = {"language": "ru", "time_zone": "Mars/Base", "model": "", "trigger": "mention", "memory": "truncate"}
    assert "no time zone" in alice.post(address, data).content.decode()
    assert alice.post(address, data | {"time_zone": "Europe/Moscow", "epoch": "99", "title": "x"}).status_code == 302
    rows.session.refresh_from_db()
    assert (rows.session.language, rows.session.time_zone, rows.session.epoch) == ("ru", "Europe/Moscow", 1)
    assert AuditEvent.objects.get(action="session.change").data == {
        "fields": ["language", "memory", "time_zone", "trigger"]
    }


def test_settings_of_a_session_leave_the_count_of_its_messages_alone(
    alice: Client, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(zone: str) -> bool:
        add_message(rows.session.pk, role="user", text="said while the page is saved")
        return True

    monkeypatch.setattr("clawsite.admin.session.is_time_zone", check)
    rows.session.refresh_from_db()
    before = rows.session.last_seq
    address = reverse("admin:sessions_app_session_change", args=[rows.session.pk])
    data = {"language": "", "time_zone": "Europe/Lisbon", "model": "", "trigger": "mention", "memory": "truncate"}
    assert alice.post(address, data).status_code == 302
    rows.session.refresh_from_db()
    assert (rows.session.time_zone, rows.session.last_seq) == ("Europe/Lisbon", before + 1)


def test_overrides_may_come_and_go(alice: Client, rows: Rows) -> None:
    delete = reverse("admin:sessions_app_sessionlayer_delete", args=[rows.override.pk])
    assert alice.post(delete, {"post": "yes"}).status_code == 302
    add = reverse("admin:sessions_app_sessionlayer_add")
    data = {"session": rows.session.pk, "layer": rows.layer.pk, "text": "Here you are a pirate.", "budget": ""}
    assert alice.post(add, data).status_code == 302
    actions = AuditEvent.objects.filter(action__startswith="sessionlayer.").values_list("action", flat=True)
    assert set(actions) == {"sessionlayer.create", "sessionlayer.delete"}


def test_several_are_deleted_with_their_audit_rows_or_not_at_all(
    alice: Client, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    bulk = {"action": "delete_selected", "_selected_action": [str(rows.override.pk)], "post": "yes"}
    address = reverse("admin:sessions_app_sessionlayer_changelist")
    deleted = AuditEvent.objects.filter(action="sessionlayer.delete")
    with monkeypatch.context() as patch:
        patch.setattr(QuerySet, "delete", fail)
        with pytest.raises(OperationalError):
            alice.post(address, bulk)
    assert (SessionLayer.objects.count(), deleted.count()) == (1, 0)
    assert alice.post(address, bulk).status_code == 302
    assert (SessionLayer.objects.count(), deleted.count()) == (0, 1)


def fail(rows: QuerySet[Any]) -> None:
    raise OperationalError("the database is away")


@pytest.mark.parametrize(
    "name",
    ["sessions_app_message", "sessions_app_inbox", "sessions_app_turn", "guardrails_verdictrecord", "core_auditevent"],
)
def test_records_are_neither_changed_nor_deleted(alice: Client, rows: Rows, name: str) -> None:
    pk = rows.by_model()[name]
    assert alice.post(reverse(f"admin:{name}_change", args=[pk]), {"text": "x", "state": "new"}).status_code == 403
    assert alice.post(reverse(f"admin:{name}_delete", args=[pk]), {"post": "yes"}).status_code == 403
    bulk = {"action": "delete_selected", "_selected_action": [str(pk)], "post": "yes"}
    alice.post(reverse(f"admin:{name}_changelist"), bulk)
    assert alice.get(reverse(f"admin:{name}_change", args=[pk])).status_code == 200


def test_the_page_says_what_comes_from_the_environment(alice: Client, rows: Rows, settings: Settings) -> None:
    Channel.objects.update(name="telegram")
    address = reverse("admin:sessions_app_channel_change", args=[rows.channel.pk])
    assert "come from the environment" not in alice.get(address).content.decode()
    settings.TELEGRAM_BOT_TOKEN = TOKEN
    assert "come from the environment" in alice.get(address).content.decode()


def test_staff_with_every_permission_change_no_channel(bob: Client, bob_user: User, rows: Rows) -> None:
    bob_user.user_permissions.set(Permission.objects.all())
    assert save_channel(bob, rows.channel, name="mine", new_token=NEW_TOKEN).status_code == 403
    assert bob.get(reverse("admin:sessions_app_channel_add")).status_code == 403
    page = bob.get(reverse("admin:sessions_app_channel_change", args=[rows.channel.pk])).content.decode()
    assert TOKEN not in page
    assert "new_token" not in page
    answer = bob.post(reverse("admin:sessions_app_channel_press", args=[rows.channel.pk, "disable"]))
    assert "Only an admin" in " ".join(str(message) for message in get_messages(answer.wsgi_request))
    channel = Channel.objects.get()
    assert (channel.name, channel.token, channel.enabled) == ("bot", TOKEN, True)


def test_staff_with_every_permission_break_no_page(bob: Client, bob_user: User, rows: Rows) -> None:
    bob_user.user_permissions.set(Permission.objects.all())
    for name, pk in rows.by_model().items():
        assert bob.get(reverse(f"admin:{name}_changelist")).status_code == 200, name
        assert bob.get(reverse(f"admin:{name}_change", args=[pk])).status_code == 200, name
        assert bob.post(reverse(f"admin:{name}_change", args=[pk]), {}).status_code in (200, 302, 403), name
