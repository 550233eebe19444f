"""Who hears of troubles, how often, and that mail needs nothing of ours but the mail server."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from django.utils import timezone
from pytest_django import Settings

from clawsite.core.db import close_pool, run_db
from clawsite.core.errors import BadInput, Unavailable
from clawsite.core.models import Process, ServiceState
from clawsite.core.process import register_process
from clawsite.models import SelfAlert
from clawsite.ops.selfalerts import mail
from clawsite.ops.selfalerts.chats import MOST_AN_HOUR, tell_chats
from clawsite.ops.selfalerts.findings import Check, Finding
from clawsite.ops.selfalerts.keeping import Keeper
from clawsite.ops.selfalerts.rounds import Watch
from clawsite.ops.selfalerts.server import read_server
from sessions_app.models import Card
from tests.clawsite.ops.selfalerts.people import make_people
from tests.ports import free_port

pytestmark = [
    pytest.mark.django_db,
    # The mail server of the tests says so of itself; it is on this machine only.
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning"),
]

PASSWORD = "hunter2 and more"


def trouble(subject: str = "web", *, severity: str = "critical") -> SelfAlert:
    return SelfAlert.objects.create(check_name="role", subject=subject, severity=severity)


def test_only_admins_hear_of_it_and_see_its_end_in_the_same_message() -> None:
    chats = make_people()
    row = trouble()
    assert tell_chats() == 1
    card = Card.objects.get()
    assert (card.session_id, card.kind, card.silent) == (chats["Alice"].pk, "self-alert", False)
    assert tell_chats() == 0
    SelfAlert.objects.update(closed_at=timezone.now())
    tell_chats()
    card.refresh_from_db()
    assert card.data["closed"]
    row.refresh_from_db()
    assert row.chats == "closed"


def test_what_is_back_soon_changes_the_message_and_rings_no_more() -> None:
    make_people()
    trouble()
    tell_chats()
    for closed in (timezone.now(), None):
        SelfAlert.objects.update(closed_at=closed)
        Card.objects.update(ring="", changed=False)
        tell_chats()
        card = Card.objects.get()
        assert (card.ring, bool(card.data["closed"])) == ("", closed is not None)


def test_messages_are_bounded_by_the_hour_and_what_waits_is_told_later() -> None:
    make_people()
    for number in range(MOST_AN_HOUR + 3):
        trouble(str(number), severity="warning")
    assert tell_chats() == MOST_AN_HOUR
    trouble("worse")
    assert tell_chats() == 1, "what is critical has more room"
    SelfAlert.objects.filter(subject=str(MOST_AN_HOUR)).update(closed_at=timezone.now())
    assert tell_chats(timezone.now() + timedelta(hours=2)) == 2, "one was over before it could be told"


def test_one_that_cannot_be_told_does_not_hold_up_the_others(caplog: pytest.LogCaptureFixture) -> None:
    make_people()
    row = trouble("a")
    SelfAlert.objects.filter(pk=row.pk).update(data={"long": "x" * 70_000})
    trouble("b")
    assert tell_chats() == 1
    assert Card.objects.get().data["subject"] == "b"
    assert "telling chats of role a" in caplog.text


def test_without_admins_in_chats_nothing_is_lost() -> None:
    trouble()
    assert tell_chats() == 0
    make_people()
    assert tell_chats() == 1


class Box:
    """Takes mails for known people who log in."""

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.refuses = False

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refuses:
            return "451 not now"
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content.decode())
        return "250 taken"


def check_login(server: Any, session: Any, envelope: Any, mechanism: Any, data: Any) -> AuthResult:
    return AuthResult(success=isinstance(data, LoginPassword) and data.password == PASSWORD.encode(), handled=False)


@pytest.fixture
def box(settings: Settings) -> Iterator[Box]:
    """A mail server on this machine that the settings name."""
    found = Box()
    port = free_port()
    server = Controller(
        found,
        hostname="127.0.0.1",
        port=port,
        authenticator=check_login,
        auth_required=True,
        auth_require_tls=False,
        ready_timeout=60,
    )
    server.start()
    settings.CLAW_ALERT_MAIL = ["ops@example.com", "alice@example.com"]
    settings.CLAW_ALERT_MAIL_SERVER = f"smtp://robot:hunter2%20and%20more@127.0.0.1:{port}"
    yield found
    server.stop()


def test_one_mail_holds_all_that_is_new(box: Box) -> None:
    trouble("web")
    trouble("bots")
    rows = mail.find_news()
    mail.send(mail.write(rows))
    mail.note_sent(rows)
    (text,) = box.mails
    assert "Subject: [clawsite] 2 alerts" in text
    assert "To: ops@example.com, alice@example.com" in text
    assert "* No process of the role web is alive." in text
    assert mail.find_news() == []
    SelfAlert.objects.filter(subject="web").update(closed_at=timezone.now())
    rows = mail.find_news()
    mail.send(mail.write(rows))
    assert "Over: No process of the role web is alive." in " ".join(box.mails[1].split())


def test_what_was_over_before_a_mail_is_no_news() -> None:
    trouble()
    SelfAlert.objects.update(closed_at=timezone.now())
    assert mail.find_news() == []


def test_a_line_break_in_a_name_makes_no_header(box: Box) -> None:
    trouble("web\nBcc: charlie@example.com")
    mail.send(mail.write(mail.find_news()))
    head, _, _ = box.mails[0].replace("\r\n", "\n").partition("\n\n")
    assert not any(line.startswith("Bcc") for line in head.splitlines())


def test_a_server_that_does_not_take_it_is_named_without_its_password(box: Box, settings: Settings) -> None:
    trouble()
    message = mail.write(mail.find_news())
    settings.CLAW_ALERT_MAIL_SERVER = settings.CLAW_ALERT_MAIL_SERVER.replace("more", "wrong")
    with pytest.raises(Unavailable, match=r"127.0.0.1 does not take mail \(SMTPAuthenticationError 535\)\.$"):
        mail.send(message)
    settings.CLAW_ALERT_MAIL_SERVER = settings.CLAW_ALERT_MAIL_SERVER.replace("wrong", "%C3%A9")
    with pytest.raises(Unavailable, match=r"\(UnicodeEncodeError\)"):
        mail.send(message)
    settings.CLAW_ALERT_MAIL_SERVER = f"smtp://127.0.0.1:{free_port()}"
    with pytest.raises(Unavailable, match=r"\(ConnectionRefusedError\)"):
        mail.send(message)


@pytest.mark.parametrize("url", ["mail.example.com", "http://x", "smtp://", "smtp://host:99999", ""])
def test_what_is_no_mail_server_is_refused(url: str) -> None:
    with pytest.raises(BadInput):
        read_server(url)


@pytest.mark.django_db(transaction=True)
async def test_a_round_tells_chats_and_mail_while_no_bots_run(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything from a check to the mail; the card waits for the bots."""
    await run_db(make_people)
    process = await run_db(register_process, "worker")
    other = await run_db(Process.objects.create, role="web", host="elsewhere", pid=1, started=1)
    keeper, second = Keeper(process.pk), Keeper(other.pk)
    checks = [Check(name="role", find=lambda now: [Finding(check="role", subject="bots")], seconds=0)]
    monkeypatch.setattr("clawsite.ops.selfalerts.keeping.Watch", lambda: Watch(checks))
    try:
        await keeper.round()
        assert len(box.mails) == 1
        assert await run_db(Card.objects.count) == 1
        await keeper.round()
        await second.round()
        assert len(box.mails) == 1, "told once, and by one process"
    finally:
        await asyncio.to_thread(close_pool)


@pytest.mark.django_db(transaction=True)
async def test_a_mail_that_was_not_taken_comes_later_and_its_server_is_seen_to_fail(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await run_db(register_process, "worker")
    keeper = Keeper(process.pk)
    monkeypatch.setattr("clawsite.ops.selfalerts.keeping.Watch", lambda: Watch([]))
    await run_db(trouble)
    try:
        box.refuses = True
        await keeper.round()
        row = await run_db(ServiceState.objects.get)
        assert (row.kind, row.failures, "SMTPDataError 451" in row.error) == ("mail", 1, True)
        box.refuses = False
        await keeper.round()
        assert len(box.mails) == 1
        assert (await run_db(ServiceState.objects.get)).failures == 0
    finally:
        await asyncio.to_thread(close_pool)


async def test_a_database_that_is_away_is_told_by_mail(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = Keeper(1)
    now = time.monotonic()
    for passed, mails in ((0, 0), (29, 0), (31, 1), (120, 1), (3700, 2)):
        monkeypatch.setattr("clawsite.ops.selfalerts.keeping.time.monotonic", lambda passed=passed: now + passed)
        await keeper._tell_away(now + passed)
        assert len(box.mails) == mails
    assert "The database does not answer." in box.mails[0]


def test_a_database_that_is_away_because_the_disk_is_full_is_told_so(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(total=1024**4, free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert "The disk is filling up: 0" in mail.write_away().get_content()


async def test_a_mail_about_the_database_that_was_not_taken_is_tried_in_the_next_round(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, now = Keeper(1), time.monotonic()
    for passed, refuses, mails in ((0, False, 0), (31, True, 0), (39, False, 1)):
        box.refuses = refuses
        monkeypatch.setattr("clawsite.ops.selfalerts.keeping.time.monotonic", lambda passed=passed: now + passed)
        await keeper._tell_away(now + passed)
        assert len(box.mails) == mails


async def test_what_goes_wrong_in_a_round_does_not_forget_what_was_seen_begin(caplog: pytest.LogCaptureFixture) -> None:
    keeper = Keeper(1)
    watch = keeper._watch

    async def fail() -> None:
        raise BadInput("no mail server")

    keeper.round = fail  # type: ignore[method-assign]
    await keeper._try_round()
    assert keeper._watch is watch
    assert "the self alerts" in caplog.text


async def test_a_database_that_lets_us_wait_is_away(
    box: Box, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A frozen server takes the connection and says nothing: no error ever comes."""
    monkeypatch.setattr("clawsite.ops.selfalerts.keeping.LOOK_SECONDS", 0.01)
    monkeypatch.setattr("clawsite.ops.selfalerts.keeping.AWAY_SECONDS", 0.01)
    gate = threading.Event()
    keeper = Keeper(1)
    monkeypatch.setattr(keeper._watch, "round", lambda: gate.wait(30))
    monkeypatch.setattr(keeper, "_held", object())
    monkeypatch.setattr("clawsite.ops.selfalerts.keeping.check_lease", lambda held: None)
    try:
        await keeper._try_round()
        assert len(box.mails) == 1
        assert "the database does not answer: TimeoutError" in caplog.text
    finally:
        gate.set()
        await asyncio.to_thread(close_pool)


def test_the_server_is_tried_without_a_mail(box: Box, settings: Settings) -> None:
    mail.try_server(log_in=False)
    mail.try_server(log_in=True)
    assert box.mails == []
    settings.CLAW_ALERT_MAIL_SERVER = settings.CLAW_ALERT_MAIL_SERVER.replace("hunter2", "hunter3")
    mail.try_server(log_in=False)
    with pytest.raises(Unavailable, match="SMTPAuthenticationError 535") as caught:
        mail.try_server(log_in=True)
    assert "hunter3" not in caught.value.message
    assert caught.value.retry_after == mail.REFUSED_SECONDS, "servers lock out who logs in again and again"
