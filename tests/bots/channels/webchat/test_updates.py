"""What the page's messages become, and what a visitor cannot reach."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from bots.channels.base import Account, InboundFile, Unparsed
from bots.channels.testing import channel_error, names_in
from bots.channels.webchat.adapter import WebchatAdapter
from bots.channels.webchat.updates import get_external_id, parse_update

ID = "7d444840-9dc0-11d1-b245-5ffdce74fad2"


def raw(**fields: Any) -> dict[str, Any]:
    return {"id": ID, "visitor": "v:1", "text": "hi"} | fields


def test_message_with_a_file() -> None:
    file = {"kind": "photo", "ref": "v:1/abc", "name": "кот.png", "mime": "image/png", "size": 5}
    found = parse_update(raw(files=[file], name="Alice", language="pt-br", date=1.5))
    assert found is not None
    assert found.files == (InboundFile(kind="photo", ref="v:1/abc", name="кот.png", mime="image/png", size=5),)
    assert (found.sender.name, found.sender.language, found.date, found.direct) == ("Alice", "pt-br", 1.5, True)


def test_same_id_of_two_visitors_are_two_updates() -> None:
    assert get_external_id(raw()) != get_external_id(raw(visitor="v:2"))
    assert get_external_id(raw()) == get_external_id(raw(id=ID.upper()))
    assert len(get_external_id(raw(visitor="x" * 64))) <= 100


@pytest.mark.parametrize("fields", [{"text": "  "}, {"text": 5}, {"text": "", "files": []}])
def test_empty_message_is_none(fields: dict[str, Any]) -> None:
    assert parse_update(raw(**fields)) is None


@pytest.mark.parametrize("ref", ["v:2/abc", "../v:1/abc", "v:1/../v:2", "v:1/a/b", "/etc/passwd", "v:1", "v:1/", 7])
def test_file_of_somebody_else_is_refused(ref: object) -> None:
    with pytest.raises(Unparsed):
        parse_update(raw(files=[{"kind": "document", "ref": ref}]))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(categories=None), max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
FIELDS = st.sampled_from(["id", "visitor", "name", "language", "text", "files", "callback", "date"])


@given(st.dictionaries(FIELDS, JSON), st.lists(st.dictionaries(st.sampled_from(["kind", "ref", "size"]), JSON)))
def test_only_unparsed_is_raised(fields: dict[str, Any], files: list[Any]) -> None:
    for update in (fields, raw(**fields), raw(files=files)):
        try:
            found = parse_update(update)
        except Unparsed:
            continue
        assert found is None or found.text.encode() is not None


async def test_link_in_the_upload_folder_is_not_followed(tmp_path: Path, settings: Settings) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    folder = settings.MEDIA_ROOT / "uploads" / "v:1"
    folder.mkdir(parents=True)
    (tmp_path / "secret").write_text("key")
    (folder / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "out").mkdir()
    adapter = WebchatAdapter(Account(channel_id=1, name="web"))
    for ref in ("v:1/link", "../../secret", f"v:1/{uuid.uuid4().hex}"):
        assert (await channel_error(adapter.fetch(ref, tmp_path / "out" / "f", limit=100))).permanent
    assert names_in(tmp_path / "out") == []
