"""The page of other gateways: what admins enter, what it says when that is wrong, and what it never shows."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from clawsite.core.models import AuditEvent
from runbooks.models import GatewayTarget
from runbooks.targets.checking import token_folders
from tests.ports import free_port
from tests.runbooks.dispatch.stage import TOKEN, FarGateway
from tests.servers.gateway.connection import Connection

pytestmark = pytest.mark.django_db

ADD = "admin:runbooks_gatewaytarget_add"
FORM = {"name": "far", "enabled": "on", "ws_url": "ws://127.0.0.1:9", "capacity": "4"}


def make(**fields: Any) -> GatewayTarget:
    return GatewayTarget.objects.create(**{"name": "far", "ws_url": "ws://127.0.0.1:9", "token": TOKEN, **fields})


def page(row: GatewayTarget) -> str:
    return reverse("admin:runbooks_gatewaytarget_change", args=[row.pk])


def audited() -> list[tuple[str, Any]]:
    """Return what the audit log says of gateways."""
    rows = AuditEvent.objects.filter(action__startswith="gatewaytarget.").order_by("id")
    return list(rows.values_list("action", "data"))


def press(client: Client, row: GatewayTarget, name: str) -> str:
    url = reverse("admin:runbooks_gatewaytarget_press", args=[row.pk, name])
    return client.post(url, follow=True).content.decode()


def test_alice_adds_a_gateway_and_its_token_is_never_seen_again(alice: Client) -> None:
    words = {"repos": "acme/*\nacme/*", "label_words": "gpu, eu-west", "kind_words": "deploy"}
    answer = alice.post(reverse(ADD), FORM | words | {"new_token": f" {TOKEN} "})
    assert answer.status_code == 302, answer.content.decode()
    row = GatewayTarget.objects.get()
    assert (str(row.token), row.allowed_repos, row.labels, row.kinds) == (
        TOKEN,
        ["acme/*"],
        ["gpu", "eu-west"],
        ["deploy"],
    )
    shown = alice.get(page(row)).content.decode()
    assert "gpu\neu-west" in shown
    assert TOKEN not in shown
    assert TOKEN not in str(list(AuditEvent.objects.values()))
    assert audited() == [("gatewaytarget.create", {"name": "far"})]


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "a b", "letters, digits"),
        ("ws_url", "http://far", "ws://host:port"),
        ("ws_url", "ws://user:secret@far", "no user, password"),
        ("ws_url", "ws://gateway.example.org", "use wss://"),
        ("http_url", "javascript:alert(1)", "https://host"),
        ("new_token", "short", "8 to 500 visible characters"),
        ("new_token", "with spaces in it", "8 to 500 visible characters"),
        ("token_ref", "claw_pasted_token", "a token itself does not belong here"),
        ("token_ref", "env:SECRET_KEY", "GATEWAY_TOKEN_"),
        ("token_ref", "file:/etc/passwd", "A token file lies in"),
        ("token_ref", "file:{tokens}/../encryption.key", "A token file lies in"),
        ("kind_words", "de ploy", "cannot be the name of a kind"),
        ("capacity", "0", "from 1 to 1000"),
        ("ca_file", "/etc/ssl/ca.pem", "wss:// addresses only"),
        ("cert_file", "/etc/ssl/own.pem", "needs its key"),
        ("label_words", "x" * 201, "at most 200 characters"),
    ],
)
def test_each_wrong_field_has_its_sentence(alice: Client, field: str, value: str, sentence: str) -> None:
    answer = alice.post(reverse(ADD), FORM | {field: value.replace("{tokens}", str(token_folders()[1]))})
    assert answer.status_code == 200
    errors = answer.context["adminform"].form.errors
    assert sentence in str(errors[field].as_text()).replace("&#x27;", "'")
    assert "claw_pasted_token" not in str(errors)
    assert not GatewayTarget.objects.exists()


def test_a_token_and_a_reference_exclude_each_other(alice: Client) -> None:
    answer = alice.post(reverse(ADD), FORM | {"new_token": TOKEN, "token_ref": "env:GATEWAY_TOKEN_FAR"})
    assert "not both" in str(answer.context["adminform"].form.errors["token_ref"])


def test_a_token_is_kept_until_another_or_a_reference_takes_its_place(alice: Client) -> None:
    row = make()
    alice.post(page(row), FORM | {"capacity": "9"})
    row.refresh_from_db()
    assert (str(row.token), row.capacity) == (TOKEN, 9)
    alice.post(page(row), FORM | {"new_token": "another-token"})
    row.refresh_from_db()
    assert str(row.token) == "another-token"
    alice.post(page(row), FORM | {"token_ref": "env:GATEWAY_TOKEN_FAR"})
    row.refresh_from_db()
    assert (str(row.token), row.token_ref) == ("", "env:GATEWAY_TOKEN_FAR")
    assert [data["fields"] for _, data in audited()] == [["capacity"], ["capacity", "token"], ["token", "token_ref"]]


def test_a_new_address_forgets_how_the_old_one_did(alice: Client) -> None:
    row = make(last_error="old")
    alice.post(page(row), FORM | {"ws_url": "ws://127.0.0.1:10"})
    row.refresh_from_db()
    assert row.last_error == ""


class Told(FarGateway):
    """A gateway whose hello the test decides."""

    said: dict[str, Any]

    def hello(self, connection: Connection) -> dict[str, Any]:
        """Say that."""
        return self.said


@pytest.mark.django_db(transaction=True)
def test_the_test_button_says_what_works_and_what_does_not(alice: Client) -> None:
    with Told().running() as gateway:
        row = make(ws_url=gateway.url)
        gateway.said = hello("operator.read", "operator.write", methods=sorted(gateway.methods))
        assert "It works: version 9" in press(alice, row, "test")
        gateway.said = hello("operator.read", methods=sorted(gateway.methods))
        assert "may not create jobs there" in press(alice, row, "test")
        gateway.said = hello("operator.write", methods=["ping"])
        assert "no methods for jobs: jobs.create" in press(alice, row, "test")
        GatewayTarget.objects.update(token="claw_wrong_token")
        told = press(alice, row, "test")
        assert "cannot be used" in told
        assert "claw_wrong_token" not in told
    GatewayTarget.objects.update(ws_url=f"ws://127.0.0.1:{free_port()}")
    assert "cannot be reached" in press(alice, row, "test")


def hello(*scopes: str, methods: list[str]) -> dict[str, Any]:
    return {
        "type": "hello-ok",
        "protocol": 4,
        "server": {"version": "9", "connId": "c"},
        "features": {"methods": methods, "events": []},
        "auth": {"role": "operator", "scopes": list(scopes)},
        "policy": {"maxPayload": 1_000_000, "maxBufferedBytes": 1, "tickIntervalMs": 30_000},
    }


def test_it_is_switched_off_and_removed(alice: Client) -> None:
    row = make()
    assert "The gateway is off." in press(alice, row, "disable")
    row.refresh_from_db()
    assert not row.enabled
    alice.post(reverse("admin:runbooks_gatewaytarget_delete", args=[row.pk]), {"post": "yes"})
    assert not GatewayTarget.objects.exists()
    assert [action for action, _ in audited()] == ["gatewaytarget.change", "gatewaytarget.delete"]


def test_bob_looks_and_changes_nothing(bob: Client) -> None:
    row = make()
    shown = bob.get(page(row)).content.decode()
    assert "ws://127.0.0.1:9" in shown
    assert TOKEN not in shown
    assert bob.post(page(row), FORM | {"capacity": "9"}).status_code == 403
    for name in ("test", "disable"):
        assert bob.post(reverse("admin:runbooks_gatewaytarget_press", args=[row.pk, name])).status_code == 403
    assert bob.post(reverse(ADD), FORM).status_code == 403


def test_charlie_sees_nothing(charlie: Client) -> None:
    row = make()
    for url in (page(row), reverse(ADD), reverse("admin:runbooks_gatewaytarget_changelist")):
        assert charlie.get(url).status_code == 302
    assert charlie.post(page(row), FORM).status_code == 302
