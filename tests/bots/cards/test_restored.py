"""The notice after a restore."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from bots.cards import CardView, render_card
from clawsite.core.models import AuditEvent
from clawsite.ops.backups.telling import tell_admins
from sessions_app.models import Card, Channel, Contact, Session

MOMENT = "2026-11-26T03:17:05+00:00"


def test_it_says_from_when_the_backup_is_in_the_readers_zone() -> None:
    told = render_card("restored", {"created_at": MOMENT}, CardView(zone=ZoneInfo("America/Sao_Paulo")))

    assert "Nov. 26, 2026, 12:17 a.m." in told.text
    assert told.plain


@pytest.mark.django_db
def test_admins_are_told_in_their_direct_chats_and_nobody_else() -> None:
    channel = Channel.objects.create(kind="telegram", name="telegram")
    for number, role in (("1", "admin"), ("2", "operator"), ("3", "stranger")):
        Contact.objects.create(channel=channel, external_id=number, name=role, role=role, state="approved")
        Session.objects.create(channel=channel, chat_id=number, kind=Session.Kind.DIRECT)

    assert tell_admins("clawsite-x", MOMENT) == 1
    assert [card.session.chat_id for card in Card.objects.all()] == ["1"]
    assert AuditEvent.objects.get(action="backup.restore").subject == "backup:clawsite-x"
