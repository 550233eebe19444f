"""Tokens and devices in the admin: a secret is said once, and a revoked one opens nothing."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from clawsite.core.models import AuditEvent, User
from clawsite.gateway.tokens import digest_of
from clawsite.models import GatewayDevice, GatewayToken
from tests.clawsite.admin.rows import Rows
from tests.clawsite.admin.test_buttons import press

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = re.compile(r"claw_[0-9a-f]{8}_[\w-]{43}")


def test_alice_makes_a_token_and_reads_its_secret_once(alice: Client) -> None:
    address = reverse("admin:clawsite_gatewaytoken_add")
    form = {"name": "ci", "scopes": ["operator.read", "operator.write"], "days": "30", "user": ""}
    answer = alice.post(address, form, follow=True)
    found = SECRET.findall(answer.content.decode())
    token = GatewayToken.objects.get()
    assert answer.status_code == 200
    assert {digest_of(secret) for secret in found} == {token.digest}
    assert (token.scopes, token.state) == (["operator.read", "operator.write"], "live")
    assert token.expires_at is not None
    assert AuditEvent.objects.filter(action="token.create", actor=token.created_by).count() == 1
    again = alice.get(reverse("admin:clawsite_gatewaytoken_change", args=[token.pk])).content.decode()
    assert not SECRET.search(again)


@pytest.mark.parametrize("form", [{"name": ""}, {"scopes": []}, {"scopes": ["operator.root"]}, {"days": "0"}])
def test_a_wrong_form_makes_nothing(alice: Client, form: dict[str, object]) -> None:
    whole = {"name": "ci", "scopes": ["operator.read"], "days": "", "user": ""} | form
    assert alice.post(reverse("admin:clawsite_gatewaytoken_add"), whole).status_code == 200
    assert not GatewayToken.objects.exists()


def test_bob_makes_none(bob: Client) -> None:
    form = {"name": "ci", "scopes": ["operator.admin"], "days": "", "user": ""}
    assert bob.post(reverse("admin:clawsite_gatewaytoken_add"), form).status_code == 403
    assert not GatewayToken.objects.exists()


def test_rotating_and_revoking_ask_first(alice: Client, rows: Rows) -> None:
    pk = rows.token.pk
    asked = alice.post(reverse("admin:clawsite_gatewaytoken_press", args=[pk, "rotate"]))
    assert (asked.status_code, GatewayToken.objects.count()) == (200, 1)
    said = press(alice, "clawsite_gatewaytoken", pk, "rotate", confirmed="1")
    new = GatewayToken.objects.exclude(pk=pk).get()
    assert {digest_of(secret) for secret in SECRET.findall(said)} == {new.digest}
    rows.token.refresh_from_db()
    assert (rows.token.state, rows.token.replaced_by_id) == ("rotated", new.pk)
    press(alice, "clawsite_gatewaytoken", pk, "revoke", confirmed="1")
    rows.token.refresh_from_db()
    assert rows.token.state == "revoked"
    assert list(AuditEvent.objects.filter(action__startswith="token.").values_list("action", flat=True)) == [
        "token.revoke",
        "token.rotate",
        "token.create",
    ]


def test_staff_with_the_permission_revoke_and_learn_no_secret(bob: Client, bob_user: User, rows: Rows) -> None:
    bob_user.user_permissions.add(Permission.objects.get(codename="change_gatewaytoken"))
    assert "Only an admin" in press(bob, "clawsite_gatewaytoken", rows.token.pk, "rotate", confirmed="1")
    assert GatewayToken.objects.count() == 1
    press(bob, "clawsite_gatewaytoken", rows.token.pk, "revoke", confirmed="1")
    rows.token.refresh_from_db()
    assert rows.token.state == "revoked"


def test_a_device_is_approved_and_blocked(alice: Client, rows: Rows) -> None:
    press(alice, "clawsite_gatewaydevice", rows.device.pk, "approve")
    device = GatewayDevice.objects.get()
    assert (device.state, device.roles, device.scopes, device.code) == ("approved", ["operator"], ["operator.read"], "")
    press(alice, "clawsite_gatewaydevice", rows.device.pk, "block")
    device.refresh_from_db()
    assert (device.state, device.scopes) == ("blocked", [])


def test_a_denied_device_is_blocked(alice: Client, rows: Rows) -> None:
    answer = alice.post(reverse("admin:clawsite_gatewaydevice_press", args=[rows.device.pk, "deny"]))
    assert [str(message) for message in get_messages(answer.wsgi_request)]
    assert GatewayDevice.objects.get().state == "blocked"
