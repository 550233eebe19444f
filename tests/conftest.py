"""What every test may ask for: the real services and the emulators. No test speaks another's language."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from django.test import override_settings
from django.utils import translation
from hypothesis import HealthCheck, settings

from tests.engine import forget_counts, skip_what_is_sqlite

ON_DEMAND = ("soak", "containers")

pytest_plugins = ["tests.fixtures.database", "tests.fixtures.services", "tests.fixtures.reached", "tests.scheduling"]


# What is collected stays: to look for garbage in it takes a third of the time, in each worker.
gc.disable()


# The same examples in every run, so that what passed once does not fail another time, and however long a loaded machine
# takes for one of them. `--hypothesis-profile default` looks for others.
settings.register_profile(
    "clawsite", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("clawsite")


def pytest_collection_finish() -> None:
    """Look for garbage again, but in what the tests make only."""
    gc.freeze()
    gc.enable()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name no test after bytes: they may hold what differs in every process, such as the time of packing."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what runs only when it is asked for by its mark, and what another database could not pass."""
    skip_what_is_sqlite(items)
    for mark in ON_DEMAND:
        if mark not in config.option.markexpr:
            items[:] = [item for item in items if not item.get_closest_marker(mark)]


@pytest.fixture(autouse=True, scope="session")
def quick_hashes() -> Iterator[None]:
    """Hash passwords quickly: being slow is all that the real way of doing it is for."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(autouse=True)
def own_counts() -> None:
    """Begin with limits that nobody has used yet."""
    forget_counts()


@pytest.fixture(autouse=True)
def own_language() -> None:
    """Begin in the default language, whatever the test before has left behind in this thread."""
    translation.deactivate()
