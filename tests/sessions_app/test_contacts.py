"""Letting people in: what two admins do at the same moment happens once."""

from __future__ import annotations

import pytest

from sessions_app.contacts import approve_contact
from sessions_app.models import Channel, Contact, Outbox, Session
from tests.sessions_app.people import make_people

pytestmark = pytest.mark.django_db


def test_who_is_let_in_twice_at_once_is_welcomed_once() -> None:
    people = make_people()
    Channel.objects.filter(pk=people.channel.pk).update(kind="telegram")
    Session.objects.create(channel=people.channel, chat_id=people.charlie.external_id, kind="direct")
    pk = people.charlie.pk
    first, second = Contact.objects.get(pk=pk), Contact.objects.get(pk=pk)  # as two pages have them
    for seen in (first, second):
        approve_contact(seen, actor=people.alice.actor)
    assert Contact.objects.get(pk=pk).state == Contact.State.APPROVED
    assert Outbox.objects.filter(dedupe_key__startswith="welcome:").count() == 1
