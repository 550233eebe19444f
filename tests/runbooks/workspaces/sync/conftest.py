"""A project with a remote beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from runbooks.models import Project
from sessions_app.models import Channel, Session
from tests.runbooks.workspaces import making
from tests.runbooks.workspaces.sync.places import make_bare


@pytest.fixture
def bare(tmp_path: Path, settings: Settings) -> Path:
    """An empty repository that projects may be pushed to."""
    settings.CLAW_GIT_REMOTES = [f"file://{tmp_path}", "127.0.0.1"]
    return make_bare(tmp_path)


@pytest.fixture
def project(db: None) -> Project:
    """A project of Bob's with one commit, and a chat that gets its news."""
    made = making.project(files={"README.md": "# Shop\n", "a.txt": "one\ntwo\nthree\n"})
    channel = Channel.objects.create(kind="telegram", name="t")
    session = Session.objects.create(channel=channel, chat_id="7", kind=Session.Kind.DIRECT)
    made.watches.create(session=session)
    return made
