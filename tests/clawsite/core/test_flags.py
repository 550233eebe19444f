"""A feature is on for those an admin chose, in every process and without a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.test import RequestFactory
from waffle import flag_is_active

from clawsite.core import flags
from clawsite.core.features import FEATURES
from clawsite.core.models import FeatureFlag, User
from clawsite.core.nudge import NudgeListener, nudge

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Nothing that another test's rows said."""
    flags.forget()
    yield
    flags.forget()


def put(**fields: object) -> FeatureFlag:
    flags.forget()
    FeatureFlag.objects.update_or_create(name="charts", defaults=fields)
    return FeatureFlag.get("charts")


def test_without_rows_everything_is_as_the_catalogue_says() -> None:
    assert {name: flags.is_on(name) for name in FEATURES} == {name: each.default for name, each in FEATURES.items()}


def test_a_name_outside_the_catalogue_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        flags.is_on("chart")


def test_rows_are_made_once_and_change_nothing() -> None:
    flags.ensure_rows()
    flags.ensure_rows()
    assert sorted(FeatureFlag.objects.values_list("name", flat=True)) == sorted(FEATURES)
    flags.forget()
    assert flags.is_on("charts", person="user:1", channel="bot")


def test_everyone_decides_for_all() -> None:
    put(everyone=False, people_on=["user:1"])
    assert not flags.is_on("charts", person="user:1")
    put(everyone=True, people_off=["user:1"])
    assert flags.is_on("charts", person="user:1")


@pytest.mark.parametrize(
    ("person", "channel", "on"),
    [
        ("user:1", "bot", False),
        ("user:2", "quiet", True),
        ("contact:3", "quiet", False),
        ("contact:3", "bot", True),
        ("contact:3", "", True),
        ("", "quiet", False),
    ],
)
def test_a_person_goes_before_a_channel_and_a_channel_before_the_default(person: str, channel: str, on: bool) -> None:
    put(everyone=None, people_off=["user:1"], people_on=["user:2"], channels_off=["quiet"], channels_on=["bot"])
    assert flags.is_on("charts", person=person, channel=channel) is on


def test_a_share_is_about_that_large_and_always_the_same_people() -> None:
    put(everyone=None, percent=Decimal("25.0"))
    people = [f"user:{number}" for number in range(2000)]
    first = [person for person in people if flags.is_on("charts", person=person)]
    assert 400 < len(first) < 600
    assert first == [person for person in people if flags.is_on("charts", person=person)]
    put(everyone=None, percent=Decimal("0.0"))
    assert not any(flags.is_on("charts", person=person) for person in people)


def test_who_had_a_smaller_share_keeps_it_in_a_larger_one() -> None:
    people = [f"contact:{number}" for number in range(300)]
    small, large = (
        {person for person in people if put(percent=Decimal(share)).decide(person=person)} for share in ("10", "60")
    )
    assert small < large


def test_pages_ask_through_waffle_and_get_the_same_answer(rf: RequestFactory) -> None:
    user = User.objects.create_user("alice")
    put(everyone=None, people_off=[f"user:{user.pk}"])
    request = rf.get("/")
    request.user = user
    assert flag_is_active(request, "charts") is False
    request.user = AnonymousUser()
    assert flag_is_active(request, "charts") is True
    assert flag_is_active(request, "unknown") is False


@pytest.mark.parametrize("names", ["user:1", [1], [""], ["x" * 201], ["a"] * 1001])
def test_a_list_holds_short_names(names: object) -> None:
    with pytest.raises(ValidationError):
        FeatureFlag(name="charts", people_on=names).full_clean()


def test_rows_are_read_once_for_many_questions(django_assert_num_queries: pytest.FixtureRequest) -> None:
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert all(flags.is_on("charts", person=f"user:{number}") for number in range(50))


async def test_a_nudge_of_another_process_drops_what_is_known() -> None:
    before = FeatureFlag(name="charts", everyone=False)
    flags._cached = (float("inf"), {"charts": before})
    assert not flags.is_on("charts")
    async with NudgeListener("test") as listener:
        flags.listen(listener)
        nudge(flags.TOPIC)
        async with asyncio.timeout(30):
            while flags._cached is not None:  # noqa: ASYNC110 - the nudge comes from the loop itself
                await asyncio.sleep(0.01)
