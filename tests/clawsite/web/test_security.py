"""What browsers are told: policies that fit a page, cookies and headers behind TLS, and nothing from elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from clawsite.core.models import User
from clawsite.web.security import ADMIN, STRICT

PAGES = (
    "/",
    "/chat/",
    "/nowhere",
    "/first-login/x",
    "/second-factor/",
    "/second-factor/code",
    "/admin/login/",
    "/admin/",
)


@pytest.fixture(autouse=True)
def fresh() -> None:
    cache.clear()


def directives(policy: str) -> dict[str, list[str]]:
    return {words[0]: words[1:] for part in policy.split(";") if (words := part.split())}


@pytest.mark.parametrize("policy", [STRICT, ADMIN])
def test_a_policy_lets_scripts_come_from_our_files_alone(policy: str) -> None:
    known = directives(policy)
    scripts = known.get("script-src", known["default-src"])
    assert set(scripts) <= {"'self'", "'unsafe-eval'"}
    assert known["object-src"] == known["base-uri"] == known["frame-ancestors"] == ["'none'"]
    assert known["form-action"] == ["'self'"]
    assert not {"*", "http:", "https:"} & {word for words in known.values() for word in words}


@pytest.mark.django_db
@pytest.mark.parametrize("path", PAGES)
def test_every_answer_of_django_carries_the_headers(path: str) -> None:
    answer = Client().get(path)
    assert answer["Content-Security-Policy"] == (ADMIN if path.startswith("/admin/") else STRICT)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]
    # An address that is a key is told to nobody, ourselves included.
    assert answer["Referrer-Policy"] == ("strict-origin" if path.startswith("/first-login/") else "same-origin")


@pytest.mark.django_db
def test_files_of_pages_are_for_our_pages() -> None:
    answer = Client().get("/static/web/base.css")
    answer.close()
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.django_db
def test_a_name_with_markup_stays_text() -> None:
    evil = '"><script src=//evil.example></script>'
    alice = User.objects.create_superuser("alice", password="x", first_name=evil[:150])
    client = Client()
    client.force_login(alice)
    for path in ("/", "/chat/", "/admin/", f"/admin/core/user/{alice.pk}/change/", "/admin/core/user/?q=" + evil):
        assert "<script src=//evil" not in client.get(path).content.decode()


@pytest.mark.django_db
def test_cookies_are_out_of_the_reach_of_scripts() -> None:
    client = Client()
    client.get("/chat/")
    client.post("/language/setlang/", {"language": "ru"})
    assert {"sessionid", "csrftoken", "django_language"} <= set(client.cookies)
    assert all(morsel["httponly"] and morsel["samesite"] == "Lax" for morsel in client.cookies.values())


def in_production(*code: str) -> str:
    """Run some lines with the settings of an installation behind a proxy with TLS; return what they print."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("CLAW_")}
    home = str(settings.CLAW_HOME / "production")
    env = known | {"CLAW_HOME": home, "CLAW_PUBLIC_URL": "https://claw.example.org", "CLAW_BEHIND_PROXY": "yes"}
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-W", "ignore", "-c", "\n".join(code)]
    return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=True, timeout=100).stdout


def test_behind_tls_nothing_travels_in_clear() -> None:
    shown = in_production(
        "import json, os, django",
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'clawsite.settings'",
        "django.setup()",
        "from django.conf import settings as s",
        "from django.core.checks import run_checks",
        "from django.test import Client",
        "found = [each.id for each in run_checks(include_deployment_checks=True) if not each.is_silenced()]",
        "https = {'HTTP_HOST': 'claw.example.org', 'HTTP_X_FORWARDED_PROTO': 'https'}",
        "page = Client().get('/nowhere', **https)",
        "plain = Client().get('/nowhere', HTTP_HOST='claw.example.org')",
        "print(json.dumps([found, page.headers.get('Strict-Transport-Security'), plain.status_code, plain['Location'],",
        "    s.SESSION_COOKIE_SECURE and s.CSRF_COOKIE_SECURE and s.LANGUAGE_COOKIE_SECURE]))",
    )
    found, hsts, status, location, secure = json.loads(shown.splitlines()[-1])
    assert set(found) <= {"clawsite.W002"}
    assert hsts == "max-age=31536000"
    assert (status, location) == (301, "https://claw.example.org/nowhere")
    assert secure is True


def test_without_tls_nothing_is_promised(settings: Settings) -> None:
    assert settings.SECURE_HSTS_SECONDS == 0
    assert settings.SECURE_SSL_REDIRECT is False
