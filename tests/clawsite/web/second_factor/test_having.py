"""Setting it up, taking it away, and what that does to sessions; when it is required; what admins can do for others."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from clawsite.core.models import AuditEvent, User
from clawsite.models import Authenticator, RecoveryCode
from clawsite.ops.first_admin import prepare_first_admin
from clawsite.web.second_factor import factor
from tests.clawsite.web.second_factor.app import (
    CODE,
    HOME,
    LOGIN,
    PASSWORD,
    SETUP,
    App,
    give_password,
    is_in,
    read_codes,
    read_secret,
    set_up,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def bob() -> User:
    return User.objects.create_user("bob", password=PASSWORD, is_staff=True)


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_the_picture_says_what_the_app_needs(alice: User) -> None:
    page = logged_in(alice).get(SETUP)
    text = page.content.decode()
    device = Authenticator.objects.get(user=alice, confirmed=False)
    assert device.config_url == (
        f"otpauth://totp/clawsite%3Aalice?secret={device.secret}&issuer=clawsite&digits=6&period=30"
    )
    assert 'src="data:image/svg+xml' in text
    assert "img-src 'self' data:" in page["Content-Security-Policy"]
    assert "no-store" in page["Cache-Control"]


def test_it_is_on_only_after_a_right_code_and_password(alice: User) -> None:
    browser = logged_in(alice)
    app = App(read_secret(browser))
    assert browser.post(SETUP, {"code": app.code(), "password": "wrong"}).status_code == 400
    assert browser.post(SETUP, {"code": "000000", "password": PASSWORD}).status_code == 400
    assert not factor.has_factor(alice)
    assert is_in(give_password())
    Authenticator.objects.update(throttling_failure_timestamp=None)
    page = browser.post(SETUP, {"code": app.code(), "password": PASSWORD})
    assert len(read_codes(page.content.decode())) == 10
    assert "no-store" in page["Cache-Control"]
    assert factor.has_factor(alice)
    assert is_in(browser)


def test_switching_it_on_ends_the_other_sessions(alice: User) -> None:
    other = logged_in(alice)
    assert is_in(other)
    set_up(alice)
    assert not is_in(other)


def test_a_session_that_was_left_open_cannot_change_the_app(alice: User) -> None:
    app, _ = set_up(alice)
    browser = logged_in(alice)
    assert browser.get(SETUP)["Location"] == HOME
    assert browser.post(SETUP, {"code": "1", "password": PASSWORD})["Location"] == HOME
    for what in ("renew", "replace", "remove"):
        assert browser.post(HOME, {"do": what, "code": "000000"}).status_code == 400
        Authenticator.objects.update(throttling_failure_timestamp=None)
    assert RecoveryCode.objects.filter(user=alice).count() == 10
    assert browser.post(HOME, {"do": "replace", "code": app.code(later=1)})["Location"] == SETUP
    new = App(read_secret(browser))
    assert browser.post(SETUP, {"code": new.code(), "password": PASSWORD}).status_code == 200
    assert Authenticator.objects.filter(user=alice).count() == 1
    assert give_password().post(CODE, {"code": new.code(later=1)}).status_code == 302


def test_new_recovery_codes_replace_the_old(alice: User) -> None:
    app, old = set_up(alice)
    browser = logged_in(alice)
    page = browser.post(HOME, {"do": "renew", "code": app.code(later=1)}).content.decode()
    new = read_codes(page)
    assert len(new) == 10
    assert not set(new) & set(old)
    assert give_password().post(CODE, {"code": old[0]}).status_code == 400
    Authenticator.objects.update(throttling_failure_timestamp=None)
    assert give_password().post(CODE, {"code": new[0]}).status_code == 302


def test_it_can_be_switched_off_with_a_code_which_ends_the_other_sessions(alice: User) -> None:
    app, _ = set_up(alice)
    browser, other = logged_in(alice), logged_in(alice)
    assert browser.post(HOME, {"do": "remove", "code": app.code(later=1)}).status_code == 302
    assert (is_in(browser), is_in(other)) == (True, False)
    assert not factor.has_factor(alice)
    assert RecoveryCode.objects.count() == 0
    assert is_in(give_password())


def test_where_it_is_required_nobody_comes_in_without(alice: User, settings: Settings) -> None:
    before = logged_in(alice)
    settings.CLAW_ADMIN_OTP = True
    assert not is_in(before)
    browser = give_password()
    assert not is_in(browser)
    app = App(read_secret(browser))
    assert "Your password" not in browser.get(SETUP).content.decode()
    page = browser.post(SETUP, {"code": app.code()})
    assert len(read_codes(page.content.decode())) == 10
    assert 'href="/admin/"' in page.content.decode()
    assert is_in(browser)
    assert "Switch it off" not in browser.get(HOME).content.decode()
    browser.post(HOME, {"do": "remove", "code": app.code(later=1)})
    assert factor.has_factor(alice)


def test_the_first_admins_link_leads_through_it(settings: Settings) -> None:
    settings.CLAW_ADMIN_OTP = True
    link = prepare_first_admin()
    browser = Client()
    answer = browser.post(link, {"password": PASSWORD, "again": PASSWORD})
    assert answer["Location"] == SETUP
    assert not is_in(browser)
    app = App(read_secret(browser))
    browser.post(SETUP, {"code": app.code()})
    assert is_in(browser)


def test_an_admin_resets_it_for_somebody_else(alice: User, bob: User) -> None:
    set_up(bob)
    bobs = logged_in(bob)
    admin = logged_in(alice)
    press = reverse("admin:core_user_press", args=[bob.pk, "reset_second_factor"])
    asked = admin.post(press)
    assert "Reset the second factor?" in asked.content.decode()
    assert factor.has_factor(bob)
    assert admin.post(press, {"confirmed": "1"}).status_code == 302
    assert not factor.has_factor(bob)
    assert not is_in(bobs)
    event = AuditEvent.objects.get(action="user.second_factor_off")
    assert (event.actor, event.subject) == (f"user:{alice.pk}", f"user:{bob.pk}")


@pytest.mark.parametrize("name", ["reset_second_factor", "unlock"])
def test_nobody_but_an_admin_resets_or_unlocks(alice: User, bob: User, name: str) -> None:
    set_up(alice)
    press = reverse("admin:core_user_press", args=[alice.pk, name])
    assert logged_in(bob).post(press, {"confirmed": "1"}).status_code == 403
    assert Client().post(press, {"confirmed": "1"}).status_code == 302
    assert factor.has_factor(alice)


def test_the_accounts_page_shows_it(alice: User) -> None:
    set_up(alice)
    page = logged_in(alice).get(reverse("admin:core_user_change", args=[alice.pk])).content.decode()
    assert "on, 10 recovery codes left" in page
    assert "Reset second factor" in page
    assert "login_stamp" not in page


def test_the_command_line_helps_the_last_admin(alice: User) -> None:
    set_up(alice)
    out = StringIO()
    call_command("secondfactor", "list", stdout=out)
    assert out.getvalue().split()[-3:] == ["alice", "on", "10"]
    call_command("secondfactor", "reset", "alice", stdout=out)
    assert is_in(give_password())
    for name in ("alice", "nobody"):
        with pytest.raises(CommandError):
            call_command("secondfactor", "reset", name)


def test_the_login_page_stays_as_it_was(alice: User) -> None:
    page = Client().get(LOGIN)
    assert page.status_code == 200
    assert 'name="username"' in page.content.decode()
    assert logged_in(alice).get("/admin/login/")["Location"] == "/admin/"
    assert HOME in logged_in(alice).get("/admin/").content.decode()
