"""Who logs in is written down, nobody promotes themselves, and passwords are in no log."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from clawsite.core.models import AuditEvent, User
from tests.clawsite.admin.conftest import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)

LOGIN = "/admin/login/"


def actions() -> list[tuple[str, str, str]]:
    rows = AuditEvent.objects.order_by("id").values_list("action", "actor", "subject")
    return [row for row in rows if row[0].startswith("log")]


def test_logins_and_logouts_are_in_the_audit_log() -> None:
    user = User.objects.create_superuser("alice", password=PASSWORD)
    client = Client(REMOTE_ADDR="203.0.113.9")
    client.post(LOGIN, {"username": "alice", "password": "wrong one"})
    client.post(LOGIN, {"username": "alice", "password": PASSWORD})
    client.post(reverse("admin:logout"))
    name = f"user:{user.pk}"
    assert actions() == [("login.failed", "anonymous", name), ("login", name, name), ("logout", name, name)]
    assert set(AuditEvent.objects.values_list("origin", flat=True)) == {"203.0.113.9"}


def test_what_was_typed_as_a_name_is_not_kept() -> None:
    Client().post(LOGIN, {"username": "my-password-in-the-wrong-field", "password": "x"})
    event = AuditEvent.objects.get(action="login.failed")
    assert (event.subject, event.data) == ("unknown", {})


def test_an_account_is_made_and_changed_by_a_superuser(alice: Client) -> None:
    add = reverse("admin:core_user_add")
    data = {"username": "dana", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    assert alice.post(add, data).status_code == 302
    dana = User.objects.get(username="dana")
    assert (dana.check_password(PASSWORD), dana.is_staff) == (True, False)
    change = reverse("admin:core_user_change", args=[dana.pk])
    assert alice.post(change, {"username": "dana", "is_active": "on", "is_staff": "on"}).status_code == 302
    dana.refresh_from_db()
    assert dana.is_staff
    password = reverse("admin:auth_user_password_change", args=[dana.pk])
    again = {"usable_password": "true", "password1": "another good password", "password2": "another good password"}
    assert alice.post(password, again).status_code == 302
    dana.refresh_from_db()
    assert dana.check_password("another good password")
    subject = f"user:{dana.pk}"
    rows = AuditEvent.objects.filter(subject=subject).order_by("id")
    assert [row.action for row in rows] == ["user.create", "user.change", "user.change"]
    assert "another good password" not in " ".join(str(row.data) for row in rows)
    assert alice.post(reverse("admin:core_user_delete", args=[dana.pk]), {"post": "yes"}).status_code == 403


def test_staff_with_every_permission_cannot_promote_themselves(bob: Client, bob_user: User) -> None:
    bob_user.user_permissions.set(Permission.objects.all())
    change = reverse("admin:core_user_change", args=[bob_user.pk])
    data = {"username": "bob", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    assert bob.post(change, data).status_code == 403
    assert bob.post(reverse("admin:core_user_add"), {"username": "eve"}).status_code == 403
    alice = User.objects.create_superuser("alice", password=PASSWORD)
    password = reverse("admin:auth_user_password_change", args=[alice.pk])
    assert bob.post(password, {"password1": "x" * 12, "password2": "x" * 12}).status_code == 403
    assert bob.get(reverse("admin:auth_group_add")).status_code == 403
    assert bob.get(reverse("admin:core_secret_add")).status_code == 403
    bob_user.refresh_from_db()
    assert not bob_user.is_superuser
