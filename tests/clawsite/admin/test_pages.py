"""Every page opens for who may open it, shows no markup of others and no secret, and costs the same with many rows."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from clawsite.admin.navigation import GROUPS
from clawsite.core.models import User
from sessions_app.models import Card, Inbox, Message, Session
from sessions_app.sessions import add_message
from tests.clawsite.admin.rows import EVIL, SECRET, TOKEN, WEBHOOK_SECRET, Rows

pytestmark = pytest.mark.django_db

MODELS = sorted(f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry)
ADDABLE = {
    "auth_group",
    "clawsite_gatewaytoken",
    "core_secret",
    "core_user",
    "runbooks_alertsubscription",
    "runbooks_escalationpolicy",
    "runbooks_forgeconnection",
    "runbooks_gatewaytarget",
    "runbooks_incidenthook",
    "runbooks_monitoredsystem",
    "runbooks_namedquery",
    "runbooks_remote",
    "runbooks_responder",
    "runbooks_rota",
    "runbooks_runbook",
    "runbooks_schedule",
    "sessions_app_channel",
    "sessions_app_sessionlayer",
}
FOR_ADMINS = {"core_secret"}


def lists() -> list[str]:
    return [reverse(f"admin:{name}_changelist") for name in MODELS]


def changes(rows: Rows) -> list[str]:
    return [reverse(f"admin:{name}_change", args=[pk]) for name, pk in rows.by_model().items()]


def transcript(rows: Rows) -> str:
    return reverse("admin:sessions_app_session_transcript", args=[rows.session.pk])


def everything(rows: Rows) -> list[str]:
    apps = [
        reverse("admin:app_list", args=[label])
        for label in ("sessions_app", "guardrails", "core", "clawsite", "runbooks")
    ]
    return [reverse("admin:index"), transcript(rows), *apps, *lists(), *changes(rows)]


def test_the_navigation_names_every_page_and_no_other() -> None:
    named = {label.lower() for _, models in GROUPS for label, _, _ in models}
    assert named == {model._meta.label_lower for model in admin.site._registry}
    assert not any(name.startswith("django_q") for name in MODELS)


def test_a_list_is_called_as_in_the_sidebar(alice: Client, rows: Rows) -> None:
    page = alice.get(reverse("admin:runbooks_schedule_changelist"), headers={"Accept-Language": "ru"}).content.decode()
    title = re.search(r"<title>\s*(.*?)\s*</title>", page, re.DOTALL)
    assert title
    assert title.group(1).startswith("Расписания | ")
    assert "Введите для поиска" in page


def opened(client: Client, url: str, rows: Rows) -> str:
    """Open a page, which takes no text from outside for markup and shows no secret; return it."""
    answer = client.get(url)
    assert answer.status_code == 200, url
    text = answer.content.decode()
    for markup in ("<script>alert(", "<img src=x", "<b>tea</b>"):
        assert markup not in text, (markup, url)
    for secret in (TOKEN, WEBHOOK_SECRET, SECRET, rows.token_secret, rows.token.digest):
        assert secret not in text, (secret, url)
    return text


def test_alice_opens_every_page_and_none_takes_text_for_markup_or_shows_a_secret(alice: Client, rows: Rows) -> None:
    shown = {url: opened(alice, url, rows) for url in everything(rows)}
    assert "&lt;script&gt;alert(" in shown[transcript(rows)]
    as_python_writes_it = re.compile(r"\(&#x27;\w+&#x27;, &#x27;")
    assert [url for url in changes(rows) if as_python_writes_it.search(shown[url])] == []
    for name in MODELS:
        expected = 200 if name in ADDABLE else 403
        assert alice.get(reverse(f"admin:{name}_add")).status_code == expected, name


def test_bob_looks_at_what_he_may_sees_no_secret_and_adds_nothing(bob: Client, rows: Rows) -> None:
    for url in everything(rows):
        opened(bob, url, rows)
    for name in MODELS:
        assert bob.get(reverse(f"admin:{name}_add")).status_code == 403, name


def test_bob_without_a_right_sees_nothing_of_it(bob: Client, bob_user: User, rows: Rows) -> None:
    bob_user.user_permissions.clear()
    assert bob.get(transcript(rows)).status_code == 404
    for url in [*lists(), *changes(rows)]:
        assert bob.get(url).status_code == 403, url
    page = bob.get(reverse("admin:index"))
    assert page.status_code == 200
    assert "Sessions" not in page.content.decode()


def test_charlie_and_strangers_are_sent_to_the_login(charlie: Client, rows: Rows) -> None:
    for client in (charlie, Client()):
        for url in everything(rows):
            answer = client.get(url)
            assert answer.status_code == 302, url
            assert answer["Location"].startswith("/admin/login/"), url


def test_no_search_takes_what_is_looked_for_for_markup(alice: Client, rows: Rows) -> None:
    for url in lists():
        opened(alice, f"{url}?q=%3Cscript%3Ealert(", rows)


def test_the_name_of_the_bot_is_text(alice: Client, rows: Rows) -> None:
    page = alice.get(reverse("admin:sessions_app_channel_change", args=[rows.channel.pk])).content.decode()
    assert EVIL not in page
    assert "@&lt;script&gt;" in page


def count_queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


def test_lists_cost_the_same_with_many_rows(alice: Client, rows: Rows) -> None:
    alice.get(reverse("admin:index"))
    first = {url: count_queries(alice, url) for url in lists()}
    for number in range(50):
        more(rows, number)
    assert {url: count_queries(alice, url) for url in lists()} == first


def more(rows: Rows, number: int) -> None:
    """Add another row of each model that grows, each with relatives of its own."""
    for row in (rows.contact, rows.group, rows.inbox, rows.dead, rows.outbox, rows.approval, rows.verdict, rows.event):
        row.pk = None
        row._state.adding = True
        for name in ("external_id", "chat_id", "dedupe_key", "key"):
            if hasattr(row, name) and not (name == "chat_id" and hasattr(row, "dedupe_key")):
                setattr(row, name, f"n{number}-{type(row).__name__[:3]}-{id(row) % 97}"[:16])
        row.save()
    session = Session.objects.create(channel=rows.channel, chat_id=f"chat-{number}")
    add_message(session.pk, role="user", text="hello", contact_id=rows.contact.pk)
    rows.override.pk, rows.override.session = None, session
    rows.override._state.adding = True
    rows.override.save()
    rows.turn.pk, rows.turn.session, rows.turn.inbox = None, session, rows.inbox
    rows.turn._state.adding = True
    rows.turn.save()


def test_no_list_counts_a_whole_table(alice: Client, rows: Rows) -> None:
    for model in (Inbox, Message):
        url = reverse(f"admin:sessions_app_{model._meta.model_name}_changelist")
        with CaptureQueriesContext(connection) as queries:
            alice.get(url)
        counts = [
            query["sql"] for query in queries if "COUNT(" in query["sql"] and model._meta.db_table in query["sql"]
        ]
        assert counts
        assert all("LIMIT 10000" in sql for sql in counts), counts


def test_no_filter_looks_through_what_grows_and_each_finds_its_rows(alice: Client, rows: Rows) -> None:
    Card.objects.filter(pk=rows.card.pk).update(kind="alert")
    found = {
        "sessions_app_card": ("kind", "alert"),
        "runbooks_run": ("name", rows.book_run.name),
        "runbooks_project": ("type", "static-site"),
        "runbooks_operation": ("kind", "new"),
        "runbooks_feedback": ("job__kind", rows.feedback.job.kind),
        "runbooks_job": ("kind", rows.job.kind),
    }
    for model, (name, value) in found.items():
        url = reverse(f"admin:{model}_changelist")
        with CaptureQueriesContext(connection) as queries:
            page = alice.get(url)
        assert [query["sql"] for query in queries if "DISTINCT" in query["sql"]] == [], model
        assert f"?{name}={value}" in page.content.decode(), model
        shown = alice.get(url, {name: value}).context["cl"].result_list
        assert list(shown) == list(page.context["cl"].queryset.filter(**{name: value})), model
        assert shown, model


def test_a_page_beyond_the_last_and_nonsense_in_the_address_are_no_errors(alice: Client, rows: Rows) -> None:
    for query in ("p=999", "p=x", "state__exact=nonsense", "nonsense=1", "o=99", "action=%00"):
        answer = alice.get(f"{reverse('admin:sessions_app_inbox_changelist')}?{query}")
        assert answer.status_code in (200, 302), query
    for before in ("x", "-1", "0", "9" * 30):
        assert alice.get(f"{transcript(rows)}?before={before}").status_code == 200


def test_what_a_button_says_is_no_markup_either(alice: Client, rows: Rows) -> None:
    url = reverse("admin:sessions_app_pairing_press", args=[rows.pairing.pk, "approve"])
    text = alice.post(url, {"role": "viewer"}, follow=True).content.decode()
    assert "may talk to the bot now" in text
    assert "<script>alert(" not in text
    assert (
        "<script>alert("
        not in alice.post(reverse("admin:sessions_app_session_press", args=[rows.session.pk, "purge"])).content.decode()
    )


def test_a_code_is_found_as_it_is_read_out(alice: Client, rows: Rows) -> None:
    url = reverse("admin:sessions_app_pairing_changelist")
    for said in (rows.pairing.shown, rows.pairing.shown.lower(), rows.pairing.code):
        assert rows.pairing.shown in alice.get(url, {"q": said}).content.decode()
    assert rows.pairing.shown not in alice.get(url, {"q": "2222-3333"}).content.decode()
