"""Wrong passwords lock a name at the address they come from, for a while, and nowhere else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from clawsite.core.models import AuditEvent, User
from clawsite.web.address import counted_as
from clawsite.web.lockout import unlock

pytestmark = pytest.mark.django_db
LOGIN = "/admin/login/?next=/"
PASSWORD = "correct horse battery"
HERE, THERE = "192.0.2.20", "198.51.100.7"


@pytest.fixture(autouse=True)
def few_tries(settings: Settings) -> None:
    cache.clear()
    settings.AXES_FAILURE_LIMIT = 3
    settings.CLAW_RATES = ["login=1000/m", "form=1000/m"]


@pytest.fixture
def alice() -> User:
    return User.objects.create_superuser("alice", password=PASSWORD)


def attempt(password: str, *, name: str = "alice", address: str = HERE, agent: str = "a") -> int:
    form = {"username": name, "password": password}
    headers = {"User-Agent": agent}
    return Client().post(LOGIN, form, REMOTE_ADDR=address, headers=headers).status_code


def test_the_right_password_does_not_pass_a_lock(alice: User) -> None:
    assert [attempt("wrong") for _ in range(3)] == [200, 200, 429]
    assert attempt(PASSWORD) == 429
    assert attempt(PASSWORD, address=THERE) == 302


def test_another_browser_does_not_get_round_it(alice: User) -> None:
    assert [attempt("wrong", agent=name) for name in "bcd"] == [200, 200, 429]
    assert attempt(PASSWORD, agent="e") == 429


def test_another_address_of_the_same_ipv6_network_does_not_get_round_it(alice: User) -> None:
    assert [attempt("wrong", address=f"2001:db8:0:7::{number}") for number in "123"] == [200, 200, 429]
    assert attempt(PASSWORD, address="2001:db8:0:7:ffff::1") == 429
    assert attempt(PASSWORD, address="2001:db8:0:8::1") == 302


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("unknown", "unknown"),
    ],
)
def test_by_what_an_address_is_counted(address: str, counted: str) -> None:
    assert counted_as(address) == counted


def test_a_lock_says_what_to_do_and_how_long_it_lasts(alice: User) -> None:
    for _ in range(3):
        attempt("wrong")
    form = {"username": "alice", "password": PASSWORD}
    answer = Client().post(LOGIN, form, REMOTE_ADDR=HERE)
    assert answer["Retry-After"] == "1800"
    assert "30 minutes" in answer.content.decode()
    assert "alice" not in answer.content.decode()


def test_a_lock_ends_by_itself_however_often_it_was_tried_meanwhile(alice: User) -> None:
    for _ in range(3):
        attempt("wrong")
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=29))
    assert attempt(PASSWORD) == 429
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=31))
    assert attempt(PASSWORD) == 302


def test_a_right_password_forgets_the_wrong_ones(alice: User) -> None:
    assert [attempt("wrong"), attempt("wrong"), attempt(PASSWORD)] == [200, 200, 302]
    assert [attempt("wrong"), attempt("wrong"), attempt(PASSWORD)] == [200, 200, 302]


def test_an_unknown_name_is_locked_like_a_known_one(alice: User) -> None:
    known = [attempt("wrong") for _ in range(4)]
    assert [attempt("wrong", name="charlie") for _ in range(4)] == known


def test_nothing_that_was_typed_is_kept(alice: User) -> None:
    attempt("wrong-secret-1", name="my-password-in-the-wrong-field")
    row = AccessAttempt.objects.get()
    kept = " ".join(str(value) for value in vars(row).values())
    assert "my-password" not in kept
    assert "wrong-secret" not in kept


def test_a_lock_is_in_the_audit_log_and_can_be_taken_away(alice: User) -> None:
    for _ in range(3):
        attempt("wrong")
    event = AuditEvent.objects.get(action="login.locked")
    assert (event.subject, event.origin) == (f"user:{alice.pk}", HERE)
    assert unlock(alice, actor="user:1") == 1
    assert AuditEvent.objects.filter(action="user.unlock", subject=f"user:{alice.pk}").exists()
    assert attempt(PASSWORD) == 302
