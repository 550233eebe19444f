"""Telling by mail: one message for all that is new, by our own small path, which needs no channel and no bots.

The server is named by CLAW_ALERT_MAIL_SERVER. Unless it is on this machine, nothing is said over a connection that is
not encrypted, and its certificate is checked. At most one mail in five minutes is sent; what comes meanwhile is in the
next one.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from django.conf import settings
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bots.cards.selfalert import word
from clawsite.core.errors import Unavailable
from clawsite.models import SelfAlert
from clawsite.ops.selfalerts.chats import describe
from clawsite.ops.selfalerts.machine import find_disk
from clawsite.ops.selfalerts.server import LOCAL, Server, read_server

SECONDS, PROBE_SECONDS = 15.0, 5.0
# So long nobody tries again whose login was refused: servers lock out who goes on trying.
REFUSED_SECONDS = 300.0
MOST_ALERTS = 50
Told = SelfAlert.Told


def find_news() -> list[SelfAlert]:
    """Return the alerts of which the last mail said something else. What was over before it was told is no news."""
    SelfAlert.objects.filter(closed_at__isnull=False, mail=Told.NOTHING).update(mail=Told.CLOSED)
    opened, closed = Q(closed_at=None) & ~Q(mail=Told.OPEN), Q(closed_at__isnull=False) & Q(mail=Told.OPEN)
    return list(SelfAlert.objects.filter(opened | closed).order_by("severity", "id")[:MOST_ALERTS])


def note_sent(rows: Sequence[SelfAlert]) -> None:
    """Remember what was told."""
    for row in rows:
        SelfAlert.objects.filter(pk=row.pk).update(mail=Told.OPEN if row.is_open else Told.CLOSED)


def write(rows: Sequence[SelfAlert]) -> EmailMessage:
    """Return one mail about several alerts, in the language of the installation."""
    with translation.override(settings.LANGUAGE_CODE):
        told = [_word(row) for row in rows]
        subject = told[0][0] if len(rows) == 1 else _count(len(rows))
    return compose(subject, "\n".join(_list(told)))


def _list(told: Iterable[tuple[str, str]]) -> list[str]:
    """Return a paragraph for each."""
    return [f"* {title}\n  {advice}" if advice else f"* {title}" for title, advice in told]


def _count(number: int) -> str:
    return ngettext("{count} alert", "{count} alerts", number).format(count=number)


def write_away() -> EmailMessage:
    """Return the mail that says that the database does not answer, and whether the disk is full, which ends it, too."""
    now = timezone.now()
    found = [SelfAlert(check_name=each.check, data=each.data, opened_at=now) for each in find_disk(now)]
    with translation.override(settings.LANGUAGE_CODE):
        causes = _list(_word(row) for row in found)
        return compose(_("The database does not answer."), "\n".join([_("Nothing works without it."), *causes]))


def _word(row: SelfAlert) -> tuple[str, str]:
    title, advice = word(describe(row))
    return (title, advice) if row.is_open else (_("Over: {title}").format(title=title), "")


def compose(subject: str, text: str) -> EmailMessage:
    """Return a plain mail to all who get alerts."""
    message = EmailMessage()
    message["Subject"] = " ".join(f"[clawsite] {subject}".split())[:200]
    message["From"] = settings.CLAW_ALERT_MAIL_FROM or settings.CLAW_ALERT_MAIL[0]
    message["To"] = ", ".join(settings.CLAW_ALERT_MAIL)
    message["Date"] = format_datetime(timezone.now())
    message["Message-ID"] = make_msgid(domain="clawsite.invalid")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"{text}\n\n{settings.CLAW_PUBLIC_URL}/health\n" if settings.CLAW_PUBLIC_URL else f"{text}\n")
    return message


def send(message: EmailMessage) -> None:
    """Give a mail to the server; Unavailable when it does not take it now. Not on an event loop."""
    with _opened(SECONDS) as client:
        client.send_message(message)


def try_server(*, log_in: bool) -> None:
    """See whether the server answers, and with `log_in` whether it would take a mail; Unavailable when not."""
    with _opened(PROBE_SECONDS, log_in=log_in) as client:
        if log_in:
            client.mail(settings.CLAW_ALERT_MAIL_FROM or settings.CLAW_ALERT_MAIL[0])
            client.rset()


@contextmanager
def _opened(seconds: float, *, log_in: bool = True) -> Iterator[smtplib.SMTP]:
    """Speak with the server; whatever it does not do in so many seconds is Unavailable."""
    server = read_server(settings.CLAW_ALERT_MAIL_SERVER)
    try:
        with _connect(server, seconds) as client:
            if log_in and server.user:
                client.login(server.user, server.password)
            yield client
    except (smtplib.SMTPException, OSError, ValueError) as error:  # ValueError: what no mail can say, as in a password
        # Neither the error's own text nor the dialogue is passed on: a refusal may repeat what was said to log in.
        code = getattr(error, "smtp_code", "")
        text = f"{server.host} does not take mail ({type(error).__name__} {code}).".replace(" )", ")")
        is_refused = isinstance(error, smtplib.SMTPAuthenticationError)
        raise Unavailable(text, retry_after=REFUSED_SECONDS if is_refused else None) from None


def _connect(server: Server, seconds: float) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if server.is_tls:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=seconds, context=context)
    client = smtplib.SMTP(server.host, server.port, timeout=seconds)
    try:
        if server.host not in LOCAL:
            client.starttls(context=context)
        else:
            client.ehlo_or_helo_if_needed()
    except BaseException:
        client.close()
        raise
    return client
