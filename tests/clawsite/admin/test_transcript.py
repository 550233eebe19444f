"""The transcript: pages by number, everything of a turn beside its message, the same cost however long it is."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from sessions_app.models import Session
from sessions_app.sessions import add_message
from tests.clawsite.admin.rows import Rows
from tests.sessions_app.people import fill

pytestmark = pytest.mark.django_db


def address(session: Session, before: int | None = None) -> str:
    url = reverse("admin:sessions_app_session_transcript", args=[session.pk])
    return f"{url}?before={before}" if before is not None else url


def shown(client: Client, url: str) -> list[int]:
    return [int(seq) for seq in re.findall(r'id="m(\d+)"', client.get(url).content.decode())]


def test_pages_go_back_fifty_at_a_time(alice: Client, rows: Rows) -> None:
    session = Session.objects.create(channel=rows.channel, chat_id="long")
    fill(session, 120)
    assert shown(alice, address(session)) == list(range(71, 121))
    assert f"?before={71}" in alice.get(address(session)).content.decode()
    assert shown(alice, address(session, 71)) == list(range(21, 71))
    assert shown(alice, address(session, 21)) == list(range(1, 21))
    assert "?before" not in alice.get(address(session, 21)).content.decode()
    assert shown(alice, address(session, 1)) == []


def test_everything_of_a_turn_stands_beside_its_message(alice: Client, rows: Rows) -> None:
    text = alice.get(address(rows.session)).content.decode()
    for part in (
        "fetch_url",
        "injection.override",
        "1234 tokens in",
        "56 out",
        "$0.0123",
        "2.0",
        "Summary of everything",
    ):
        assert part in text, part


def test_another_session_is_not_in_it(alice: Client, rows: Rows) -> None:
    other = Session.objects.create(channel=rows.channel, chat_id="other")
    add_message(other.pk, role="user", text="only here")
    assert "only here" not in alice.get(address(rows.session)).content.decode()
    assert "only here" in alice.get(address(other)).content.decode()


def test_a_long_conversation_costs_what_a_short_one_does(alice: Client, rows: Rows) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            alice.get(address(rows.session))
        return len(captured)

    queries()
    before = queries()
    rows.session.refresh_from_db()
    fill(rows.session, 500)
    assert queries() <= before


def test_odd_data_of_a_message_breaks_nothing(alice: Client, rows: Rows) -> None:
    add_message(
        rows.session.pk,
        role="user",
        text="",
        data={"edits": [{"text": "<i>new</i>"}], "reactions": {"contact:7": "👍"}},
    )
    add_message(
        rows.session.pk, role="notice", text="\u202egnihton\x00", data={"buttons": "x", "edits": 7, "reactions": []}
    )
    text = alice.get(address(rows.session)).content.decode()
    assert "&lt;i&gt;new&lt;/i&gt;" in text
    assert "👍" in text
