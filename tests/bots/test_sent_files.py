"""Files that the bot sends: the web chat shows them below its message, and only those that may be shown."""

from __future__ import annotations

import pytest
from django.conf import settings

from bots.channels.base import OutboundFile, OutboundMessage
from bots.commits import say
from clawsite.web.chat.history import show
from runbooks.charts import save_chart
from sessions_app.models import Attachment, Message, Outbox
from tests.sessions_app.people import make_people

pytestmark = pytest.mark.django_db


def test_a_picture_of_the_bot_is_shown_in_the_web_chat() -> None:
    session = make_people().bobs
    chart = OutboundFile(path=save_chart("k1", b"picture"), name="chart.png", mime="image/png", kind="photo")

    say(session, OutboundMessage(text="Here.", files=(chart,)), role=Message.Role.NOTICE, dedupe_key="k1")

    (shown,) = show(session, Message.objects.filter(session=session))
    stored = Attachment.objects.get()
    assert shown["files"] == [{"id": stored.pk, "name": "chart.png", "size": 7, "kind": "photo", "state": "stored"}]
    assert (settings.MEDIA_ROOT / stored.path).read_bytes() == b"picture"
    assert Outbox.objects.get().payload["files"] == [[chart.path, "chart.png", "image/png", "photo"]]


def test_what_lies_elsewhere_or_nowhere_is_no_attachment_that_could_be_read() -> None:
    session = make_people().bobs
    files = (
        OutboundFile(path="workspaces/app/log.txt", name="log.txt"),
        OutboundFile(path="media/charts/gone.png", name="gone.png"),
    )

    say(session, OutboundMessage(text="Here.", files=files), role=Message.Role.NOTICE, dedupe_key="k2")

    assert [(each.name, each.size) for each in Attachment.objects.all()] == [("gone.png", 0)]


def test_a_message_without_files_has_none() -> None:
    session = make_people().bobs
    say(session, OutboundMessage(text="Hello."), role=Message.Role.NOTICE, dedupe_key="k3")

    assert "files" not in Message.objects.get().data
    assert not Attachment.objects.exists()
