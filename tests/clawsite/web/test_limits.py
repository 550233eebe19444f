"""Every request that reaches Django is counted, and what cannot be counted is read but not sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache, caches
from django.test import Client
from pytest_django import Settings

from clawsite.core.models import User
from tests.minutes import address_with_time, has_time

pytestmark = pytest.mark.django_db
ELSEWHERE = "192.0.2.250"


@pytest.fixture(autouse=True)
def _fresh() -> None:
    cache.clear()


@pytest.fixture
def lost_cache(settings: Settings) -> Iterator[None]:
    """A Redis that is not there."""
    known = settings.CACHES
    redis = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": redis}
    caches.close_all()
    yield
    settings.CACHES = known


@pytest.mark.parametrize("path", ["/", "/chat/", "/admin/", "/admin/login/", "/first-login/x", "/nowhere"])
def test_every_page_counts(settings: Settings, path: str) -> None:
    settings.CLAW_RATES = ["page=2/m", "chat.new=1000/m"]
    address = address_with_time()
    answers = [Client().get(path, REMOTE_ADDR=address) for _ in range(3)]
    assert [answer.status_code == 429 for answer in answers] == [False, False, True]
    assert answers[2]["Retry-After"] == "60"
    assert "unsafe" not in answers[2]["Content-Security-Policy"] or path.startswith("/admin/")
    assert Client().get(path, REMOTE_ADDR=ELSEWHERE).status_code != 429


def test_forms_count_by_themselves(settings: Settings) -> None:
    settings.CLAW_RATES = ["form=1/m"]
    address = address_with_time()
    assert Client().post("/language/setlang/", {"language": "ru"}, REMOTE_ADDR=address).status_code == 302
    assert Client().post("/language/setlang/", {"language": "en"}, REMOTE_ADDR=address).status_code == 429
    assert Client().get("/", REMOTE_ADDR=address).status_code == 200


def test_people_behind_one_address_do_not_use_up_each_others_pages(settings: Settings) -> None:
    settings.CLAW_RATES = ["page=3/m"]
    numbers = (number for number in range(1000, 2000) if has_time(f"user:{number}"))
    for name in ("alice", "bob"):
        user = User.objects.create_user(name, pk=next(numbers), is_staff=True)
        client = Client(REMOTE_ADDR=ELSEWHERE)
        client.force_login(user)
        assert [client.get("/").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_this_machine_is_not_kept_from_its_own_pages(settings: Settings) -> None:
    settings.CLAW_RATES = ["page=1/m"]
    assert [Client().get("/").status_code for _ in range(5)] == [200] * 5
    behind = {"REMOTE_ADDR": "127.0.0.1", "headers": {"X-Forwarded-For": "192.0.2.1"}}
    assert 429 in [Client().get("/", **behind).status_code for _ in range(3)]  # type: ignore[arg-type]


@pytest.mark.usefixtures("lost_cache")
def test_without_the_cache_pages_are_read_and_no_password_is_tried() -> None:
    assert Client().get("/", REMOTE_ADDR=ELSEWHERE).status_code == 200
    form = {"username": "alice", "password": "x"}
    assert Client().post("/admin/login/", form, REMOTE_ADDR=ELSEWHERE).status_code == 429
    assert Client().get("/first-login/x", REMOTE_ADDR=ELSEWHERE).status_code == 429
