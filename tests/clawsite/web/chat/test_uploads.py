"""Files in and out: only those of people who were let in, within limits, and never somebody else's."""

from __future__ import annotations

import json
import os
import time
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings

from clawsite.core.db import run_db
from clawsite.web.chat import uploads
from sessions_app.models import Attachment, Inbox
from tests.bots.flow import Flow, until_db
from tests.clawsite.web.chat.seat import Seat, new_id
from tests.minutes import has_time

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000a49444154789c6300010000")


def post(seat: Seat, body: bytes, *, name: str = "notes.txt", mime: str = "text/plain", token: bool = True) -> Any:
    """Upload as the page does; returns the response."""
    headers = {"X-File-Name": quote(name)}
    if token:
        headers["X-CSRFToken"] = seat.client.cookies["csrftoken"].value
    return seat.client.post("/chat/upload", data=body, content_type=mime, headers=headers)


async def put(seat: Seat, body: bytes, **fields: Any) -> tuple[int, dict[str, Any]]:
    """Upload and return the status and the answer."""
    response = await run_db(lambda: post(seat, body, **fields))
    return response.status_code, json.loads(response.content) if "json" in response["Content-Type"] else {}


def folder(visitor: str) -> Any:
    return settings.MEDIA_ROOT / "uploads" / visitor


async def test_a_file_goes_to_the_bot_and_comes_back(flow: Flow) -> None:
    flow.model.set_default("I have read it.")
    bob = await Seat().sit_down()
    await bob.approve()
    status, answer = await put(bob, b"hello file", name="привет <b>.txt")
    assert (status, answer["name"], answer["size"], answer["kind"]) == (200, "привет <b>.txt", 10, "document")
    page = await bob.open()
    async with flow.running():
        await page.send("look at this", files=(answer["ref"],))
        state = ""
        while state != "stored":  # the page that is open hears of it, too
            told = (await page.receive()).get("messages", ())
            state = next((each["files"][0]["state"] for each in told if each.get("text") == "look at this"), state)
        await flow.quiet()
    await page.leave()
    back = await bob.open()
    shown = await back.message("user")
    await back.leave()
    (file,) = shown["files"]
    assert (file["name"], file["state"]) == ("привет <b>.txt", "stored")
    away = await bob.open(last_seq=shown["seq"])  # it has the message, and was away when the file came
    (changed,) = (await away.until("changed"))["messages"]
    assert (changed["seq"], changed["files"][0]["state"]) == (shown["seq"], "stored")
    await away.leave()
    response: Any = await run_db(lambda: bob.client.get(f"/chat/file/{file['id']}"))
    assert b"".join(response.streaming_content) == b"hello file"
    response.close()
    assert response["Content-Disposition"].startswith("attachment;")
    assert response["Content-Type"] == "application/octet-stream"
    assert "sandbox" in response["Content-Security-Policy"]
    assert response["X-Content-Type-Options"] == "nosniff"


async def test_a_file_of_somebody_else_does_not_exist(flow: Flow) -> None:
    flow.model.set_default("Fine.")
    bob, charlie = await Seat().sit_down(), await Seat().sit_down()
    await bob.approve()
    await charlie.approve()
    _, answer = await put(bob, PNG, name="cat.png", mime="image/png")
    page = await bob.open()
    async with flow.running():
        await page.send("mine", files=(answer["ref"],))
        pk = await until_db(lambda: Attachment.objects.filter(state="stored").values_list("pk", flat=True).first())
    await page.leave()
    status = await run_db(lambda: charlie.client.get(f"/chat/file/{pk}").status_code)
    nobody = await run_db(lambda: Seat().client.get(f"/chat/file/{pk}").status_code)
    assert (status, nobody) == (404, 404)
    mine = await run_db(lambda: bob.client.get(f"/chat/file/{pk}"))
    assert mine["Content-Type"] == "image/png"
    mine.close()


async def test_a_reference_of_somebody_else_is_refused(flow: Flow) -> None:
    bob, charlie = await Seat().sit_down(), await Seat().sit_down()
    await bob.approve()
    await charlie.approve()
    _, answer = await put(bob, b"secret")
    page = await charlie.open()
    await page.until("access")
    tampered = answer["ref"][:-2] + ("AA" if not answer["ref"].endswith("AA") else "BB")
    for ref in (answer["ref"], tampered, "../../secret.key", ""):
        await page.say(t="send", id=new_id(), text="give", files=[ref])
        assert (await page.until("error"))["code"] == "bad_input"
    assert not await run_db(Inbox.objects.exists)
    await page.leave()


async def test_strangers_cannot_upload(flow: Flow) -> None:
    charlie = await Seat().sit_down()
    status, answer = await put(charlie, b"x")
    assert (status, answer["error"]["code"]) == (403, "not_allowed")
    assert not folder(await charlie.own_id()).exists()
    page = await charlie.open()
    await page.say(t="send", id=new_id(), text="x", files=["anything"])
    assert (await page.until("error"))["code"] == "not_allowed"
    await page.leave()


async def test_a_form_from_elsewhere_is_refused(flow: Flow) -> None:
    bob = await Seat().sit_down()
    await bob.approve()
    status, _ = await put(bob, b"x", token=False)
    assert status == 403
    assert not folder(await bob.own_id()).exists()


async def test_limits_of_size_and_of_a_day(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_BYTES", 1000)
    monkeypatch.setattr(uploads, "DAY_BYTES", 2500)
    bob = await Seat().sit_down()
    await bob.approve()
    assert (await put(bob, b"x" * 1001))[0] == 413
    assert (await put(bob, b""))[0] == 400
    assert [(await put(bob, b"x" * 900))[0] for _ in range(3)] == [200, 200, 413]
    kept = folder(await bob.own_id())
    assert len(list(kept.iterdir())) == 2
    assert {entry.stat().st_mode & 0o777 for entry in kept.iterdir()} == {0o600}
    old = time.time() - uploads.KEEP_SECONDS - 10
    for entry in kept.iterdir():
        os.utime(entry, (old, old))
    assert (await put(bob, b"x" * 900))[0] == 200
    assert len(list(kept.iterdir())) == 1


async def test_too_many_uploads_in_a_minute(flow: Flow) -> None:
    bob = await Seat().sit_down()
    while not has_time(await bob.own_id()):
        bob = await Seat().sit_down()
    await bob.approve()
    answers = [(await put(bob, b"x"))[0] for _ in range(62)]
    assert answers[0] == 200
    assert answers[-1] == 429


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("a\\b\\c.txt", "c.txt"),
        ("", "file"),
        ("\n\r\x00", "file"),
        ("a" * 400, "a" * 200),
    ],
)
async def test_a_name_is_a_label_and_no_path(flow: Flow, given: str, kept: str) -> None:
    bob = await Seat().sit_down()
    await bob.approve()
    _, answer = await put(bob, b"x", name=given)
    assert answer["name"] == kept


async def test_get_is_no_upload(flow: Flow) -> None:
    bob = await Seat().sit_down()
    assert (await run_db(lambda: bob.client.get("/chat/upload"))).status_code == 405
