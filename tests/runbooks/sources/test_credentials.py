"""Credentials: what is entered becomes one header, each service gets its own, and nothing shows them."""

from __future__ import annotations

import pytest
from django.db import connection

from clawsite.core.crypto import DecryptError, LostSecret
from clawsite.core.errors import BadInput
from runbooks.models import MonitoredSystem
from runbooks.sources.credentials import change, find_mistake, headers_for, services_in


@pytest.mark.parametrize(
    ("entered", "header"),
    [
        ("abc.def", "Bearer abc.def"),
        (" Bearer to:ken ", "Bearer to:ken"),
        ("alice:secret", "Basic YWxpY2U6c2VjcmV0"),
        ("Basic YWxpY2U6c2VjcmV0", "Basic YWxpY2U6c2VjcmV0"),
    ],
)
def test_what_is_entered_becomes_a_header(entered: str, header: str) -> None:
    stored = change("", {"prometheus": entered})
    assert headers_for(stored, "prometheus") == {"Authorization": header}
    assert headers_for(stored, "alertmanager") == headers_for(stored, "health") == {}


def test_health_and_stats_share_one_and_others_are_kept() -> None:
    stored = change(change("", {"system": "one", "prometheus": "two"}), {"system": "", "prometheus": "three"})
    assert headers_for(stored, "health") == headers_for(stored, "stats") == {"Authorization": "Bearer one"}
    assert headers_for(stored, "prometheus") == {"Authorization": "Bearer three"}
    assert services_in(stored) == ["system", "prometheus"]
    assert change(stored, {"system": "-", "prometheus": " - "}) == ""


@pytest.mark.parametrize("entered", ["a\nX-Evil: 1", "a\r\nb", "ключ", "x" * 2001])
def test_what_no_header_may_hold_is_refused(entered: str) -> None:
    with pytest.raises(BadInput, match="one line"):
        change("", {"system": entered})


def test_stored_nonsense_has_its_sentence() -> None:
    assert "enter them anew" in find_mistake("no json")
    assert "enter them anew" in find_mistake('{"system": 1}')
    assert "are for system" in find_mistake('{"other": "x"}')
    with pytest.raises(DecryptError):
        headers_for(LostSecret("gone"), "health")


@pytest.mark.django_db
def test_the_database_holds_no_credentials_in_the_clear() -> None:
    row = MonitoredSystem.objects.create(name="s", credentials=change("", {"system": "very-secret"}))
    with connection.cursor() as cursor:
        cursor.execute("SELECT credentials FROM runbooks_monitoredsystem")
        assert "very-secret" not in cursor.fetchone()[0]
    row.refresh_from_db()
    assert "very-secret" not in repr(row.credentials)
    assert headers_for(row.credentials, "health") == {"Authorization": "Bearer very-secret"}
