"""Alice is a superuser, Bob is staff with the rights to look, Charlie has an account and no business here."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client

from clawsite.core.models import User
from tests.clawsite.admin.rows import Rows, make_rows

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def no_limits() -> None:
    """Forget how often somebody tried to log in."""
    cache.clear()


@pytest.fixture
def rows(db: None) -> Rows:
    """A row of everything."""
    return make_rows()


@pytest.fixture
def alice(db: None) -> Client:
    """A superuser's browser."""
    client = Client()
    client.force_login(User.objects.create_superuser("alice", password=PASSWORD))
    return client


@pytest.fixture
def bob_user(db: None) -> User:
    """Staff who may look at everything."""
    user = User.objects.create_user("bob", password=PASSWORD, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    return user


@pytest.fixture
def bob(bob_user: User) -> Client:
    """Bob's browser."""
    client = Client()
    client.force_login(bob_user)
    return client


@pytest.fixture
def charlie(db: None) -> Client:
    """The browser of somebody with an account and without any right."""
    client = Client()
    client.force_login(User.objects.create_user("charlie", password=PASSWORD))
    return client
