"""Nothing opens before password and code were both right, and no code counts twice."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from clawsite.core.models import AuditEvent, User
from clawsite.models import Authenticator, RecoveryCode
from clawsite.web.chat.identity import load_visitor
from clawsite.web.second_factor import entering
from tests.clawsite.web.second_factor.app import (
    CODE,
    HOME,
    LOGIN,
    PASSWORD,
    SETUP,
    App,
    give_password,
    is_in,
    read_secret,
    set_up,
)
from tests.minutes import address_with_time

pytestmark = pytest.mark.django_db


def no_waiting() -> None:
    Authenticator.objects.update(throttling_failure_timestamp=None, throttling_failure_count=0)


def wait_for_long() -> None:
    """Make the wait after wrong codes longer than any test takes."""
    Authenticator.objects.update(throttling_failure_count=10)


def actions(user: User) -> list[str]:
    rows = AuditEvent.objects.filter(subject=f"user:{user.pk}").order_by("id")
    return list(rows.values_list("action", flat=True))


def test_without_a_second_factor_the_password_is_enough(alice: User) -> None:
    assert is_in(give_password())


def test_the_password_alone_opens_nothing(alice: User) -> None:
    set_up(alice)
    browser = give_password()
    assert not is_in(browser)
    assert "dead letters" not in browser.get("/").content.decode()
    assert browser.get(HOME).status_code == 302
    assert browser.get(SETUP)["Location"] == "/admin/login/"  # who has one cannot make another on the way in
    visitor = load_visitor(browser.cookies["sessionid"].value, language_cookie="", accept_language="en")
    assert visitor is None


def test_the_apps_code_lets_in_and_leads_where_one_wanted_to_go(alice: User) -> None:
    app, _ = set_up(alice)
    browser = Client()
    form = {"username": "alice", "password": PASSWORD}
    assert browser.post("/admin/login/?next=/admin/core/user/", form)["Location"] == CODE
    page = browser.get(CODE).content.decode()
    assert 'autocomplete="one-time-code"' in page
    assert browser.post(CODE, {"code": app.code(later=1)})["Location"] == "/admin/core/user/"
    assert is_in(browser)


def test_whoever_was_on_the_way_to_nowhere_comes_to_the_admin_pages(alice: User) -> None:
    form = {"username": "alice", "password": PASSWORD}
    assert Client().post("/admin/login/", form)["Location"] == "/admin/"
    assert Client().post("/admin/login/?next=https://evil.example/", form)["Location"] == "/admin/"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_nobody_is_led_elsewhere(alice: User, target: str) -> None:
    app, _ = set_up(alice)
    browser = Client()
    browser.post(f"/admin/login/?next={target}", {"username": "alice", "password": PASSWORD})
    assert "evil" not in browser.post(CODE, {"code": app.code(later=1)})["Location"]


def test_a_code_counts_once(alice: User) -> None:
    app, _ = set_up(alice)
    code = app.code(later=1)
    assert give_password().post(CODE, {"code": code}).status_code == 302
    again = give_password()
    assert again.post(CODE, {"code": code}).status_code == 400
    assert not is_in(again)


def test_the_code_of_the_setup_does_not_count_again(alice: User) -> None:
    browser = Client()
    browser.force_login(alice)
    code = App(read_secret(browser)).code()
    assert browser.post(SETUP, {"code": code, "password": PASSWORD}).status_code == 200
    assert give_password().post(CODE, {"code": code}).status_code == 400


@pytest.mark.parametrize("code", ["", "000000", "12345", "1234567", "abcdef", "１２３４５６", "x" * 1000, "' OR 1=1"])
def test_wrong_codes_open_nothing_and_are_written_down(alice: User, code: str) -> None:
    app, _ = set_up(alice)
    if code == app.code():
        code = "000001"
    browser = give_password()
    assert browser.post(CODE, {"code": code}).status_code == 400
    assert not is_in(browser)
    assert actions(alice)[-1] == "login.code_failed"


def test_each_wrong_code_makes_the_next_try_wait_longer(alice: User) -> None:
    app, codes = set_up(alice)
    browser = give_password()
    browser.post(CODE, {"code": "000000"})
    wait_for_long()
    page = browser.post(CODE, {"code": app.code(later=1)})
    assert page.status_code == 400
    assert re.search(r"Please wait \d+ seconds", page.content.decode())
    assert browser.post(CODE, {"code": codes[0]}).status_code == 400  # paper is no way round
    Authenticator.objects.update(throttling_failure_timestamp=timezone.now() - timedelta(seconds=600))
    assert browser.post(CODE, {"code": app.code(later=1)}).status_code == 302


def test_wrong_recovery_codes_make_the_app_wait_too(alice: User) -> None:
    app, _ = set_up(alice)
    browser = give_password()
    assert browser.post(CODE, {"code": "aaaa-bbbb-cccc-dddd"}).status_code == 400
    wait_for_long()
    assert "Please wait" in browser.post(CODE, {"code": app.code(later=1)}).content.decode()


def test_tries_are_limited_by_address(alice: User, settings: Settings) -> None:
    settings.CLAW_RATES = ["second-factor=2/m"]
    set_up(alice)
    cache.clear()
    browser, address = give_password(), address_with_time()
    statuses = [browser.post(CODE, {"code": "000000"}, REMOTE_ADDR=address).status_code for _ in range(3)]
    assert statuses == [400, 400, 429]


def test_a_recovery_code_counts_once_however_it_is_typed(alice: User) -> None:
    _, codes = set_up(alice)
    assert len(set(codes)) == 10
    typed = f" {codes[3].upper().replace('-', ' ')} "
    assert give_password().post(CODE, {"code": typed}).status_code == 302
    assert "login.recovery_code" in actions(alice)
    again = give_password()
    assert again.post(CODE, {"code": codes[3]}).status_code == 400
    no_waiting()
    assert again.post(CODE, {"code": codes[4]}).status_code == 302
    assert RecoveryCode.objects.filter(user=alice).count() == 8


def test_codes_belong_to_their_account(alice: User) -> None:
    bob = User.objects.create_user("bob", password=PASSWORD, is_staff=True)
    set_up(alice)
    bobs_app, bobs_codes = set_up(bob)
    browser = give_password("alice")
    assert browser.post(CODE, {"code": bobs_app.code(later=1)}).status_code == 400
    no_waiting()
    assert browser.post(CODE, {"code": bobs_codes[0]}).status_code == 400
    assert RecoveryCode.objects.filter(user=bob).count() == 10


def test_the_code_must_come_soon_after_the_password(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    app, _ = set_up(alice)
    browser = give_password()
    monkeypatch.setattr(entering, "PENDING_SECONDS", -1)
    assert browser.post(CODE, {"code": app.code(later=1)})["Location"] == "/admin/login/"
    assert not is_in(browser)


@pytest.mark.parametrize("change", ["password", "switched off", "no longer staff"])
def test_what_changes_between_password_and_code_ends_it(alice: User, change: str) -> None:
    app, _ = set_up(alice)
    browser = give_password()
    if change == "password":
        alice.set_password("another good password")
    alice.is_active, alice.is_staff = change != "switched off", change != "no longer staff"
    alice.save()
    assert browser.post(CODE, {"code": app.code(later=1)})["Location"] == "/admin/login/"


def test_charlie_has_no_way_in(alice: User) -> None:
    set_up(alice)
    charlie = Client()
    for path in (CODE, SETUP, HOME):
        assert charlie.get(path)["Location"] == "/admin/login/"
        assert charlie.post(path, {"code": "123456"})["Location"] == "/admin/login/"
    stranger = User.objects.create_user("charlie", password=PASSWORD)
    charlie.force_login(stranger)
    assert charlie.get(SETUP)["Location"] == "/admin/login/"
    assert charlie.post(LOGIN, {"username": "charlie", "password": PASSWORD}).status_code == 200


def test_a_new_session_begins_with_the_password_and_with_the_code(alice: User) -> None:
    app, _ = set_up(alice)
    browser = Client()
    browser.get("/chat/")
    planted = browser.cookies["sessionid"].value
    give_password(client=browser)
    pending = browser.cookies["sessionid"].value
    browser.post(CODE, {"code": app.code(later=1)})
    assert len({planted, pending, browser.cookies["sessionid"].value}) == 3


def test_the_key_is_not_in_the_database_in_clear(alice: User) -> None:
    app, codes = set_up(alice)
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM clawsite_authenticator")
        stored = str(cursor.fetchone()[0])
        cursor.execute("SELECT digest FROM clawsite_recoverycode")
        digests = str(cursor.fetchall())
    assert Authenticator.objects.get().key not in stored
    assert codes[0].replace("-", "") not in digests
    assert isinstance(app, App)
