"""The web chat in a real browser against the product as `manage.py up` runs it; only the model is an emulator."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.e2e.browser import open_browser, watched
from tests.faults.stack import ROOT, Stack, product_environment, running_stack, wait_for
from tests.servers.messages import MessagesControl
from tests.servers.telegram import TelegramControl

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PASSWORD = "correct horse battery"
LONG = "\n\n".join(f"{number}. " + "The river runs past the town. " * 5 for number in range(30))
APPROVE = """
from guardrails.types import Actor, Role
from sessions_app.contacts import approve_pairing
approve_pairing("{code}", actor=Actor(subject="user:1", role=Role.ADMIN, name="Alice"))
"""
# Both write down what the page shows, however briefly: the length of an answer that is being written, and whether it
# can be stopped; and what the page says of its connection.
WATCH_STREAM = """() => {
    window.streamed = [];
    new MutationObserver(() => {
        const body = document.querySelector(".message.stream .body");
        if (body) streamed.push([body.textContent.length, !document.getElementById("stop").hidden]);
    }).observe(document.body, { attributes: true, childList: true, subtree: true });
}"""
WATCH_STATUS = """() => {
    window.states = [];
    const status = document.getElementById("status");
    new MutationObserver(() => states.push(status.dataset.state)).observe(status, { attributes: true });
}"""


@pytest.fixture
def stack(
    telegram_process: TelegramControl, messages_process: MessagesControl, tmp_path: Path, chromium: str
) -> Iterator[Stack]:
    """A running installation."""
    with running_stack(tmp_path / "home", product_environment(telegram_process, messages_process)) as running:
        yield running


@pytest.fixture
def browser(chromium: str) -> Iterator[Browser]:
    with open_browser(chromium) as opened:
        yield opened


def connected(page: Page) -> None:
    """Wait until the page is connected."""
    page.locator("#status[data-state=online]").wait_for()


def say(page: Page, text: str) -> None:
    """Type a message and send it with Enter."""
    page.fill("#text", text)
    page.press("#text", "Enter")


@contextlib.contextmanager
def approving(stack: Stack, code: str) -> Iterator[None]:
    """Have an admin let the stranger with this code in, beside what is looked at."""
    command = [sys.executable, "manage.py", "shell", "-c", APPROVE.format(code=code)]
    with subprocess.Popen(command, cwd=ROOT, env=stack.environment) as running:
        yield
    assert running.returncode == 0


def log_in(stack: Stack, page: Page) -> None:
    """Become the first admin by the link that the start printed."""
    found = re.search(rb"First login\s+\S*?(/first-login/\S+)", stack.log.read_bytes())
    assert found
    page.goto(stack.url + found.group(1).decode())
    page.fill("input[name=password]", PASSWORD)
    page.fill("input[name=again]", PASSWORD)
    page.press("input[name=again]", "Enter")
    page.wait_for_url("**/admin/")


def fits(page: Page) -> bool:
    """Tell whether nothing sticks out of the page at its side."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def test_a_stranger_becomes_known_and_gets_a_streamed_answer_that_stays(
    stack: Stack, browser: Browser, messages_process: MessagesControl
) -> None:
    messages_process.set_default(LONG, deltas=120, pause=0.08)
    with watched(browser) as charlie:
        page = charlie.page
        page.goto(f"{stack.url}/chat/")
        connected(page)
        expect(page.locator("#attach")).to_be_hidden()
        say(page, "hello?")
        code = page.locator(".notice strong").inner_text()
        expect(page.locator("#note")).to_contain_text("Waiting for an admin")
        with approving(stack, code):  # the page tells of it for some seconds, in which the command may still be ending
            expect(page.locator(".toast.good")).to_be_visible()
        expect(page.locator("#note")).to_be_hidden()

        page.evaluate(WATCH_STREAM)
        say(page, "tell me a lot")
        answer = page.locator(".message.assistant .body")
        answer.wait_for(timeout=60_000)
        lengths = [length for length, can_stop in page.evaluate("streamed") if can_stop]
        assert lengths == sorted(lengths)
        assert lengths[0] < lengths[-1]
        assert answer.inner_text().count("The river runs past the town.") == 150
        expect(page.locator(".message.stream")).to_have_count(0)
        expect(page.locator("#working")).to_be_hidden()

        before = page.locator(".message").all_inner_texts()
        page.reload()
        page.locator(".message.assistant .body").wait_for()
        assert page.locator(".message").all_inner_texts() == before


def test_what_is_written_without_a_connection_is_sent_once_when_it_is_back(
    stack: Stack, browser: Browser, messages_process: MessagesControl
) -> None:
    messages_process.set_default("Here I am.")
    with watched(browser) as alice:
        page = alice.page
        log_in(stack, page)
        page.goto(f"{stack.url}/chat/")
        connected(page)
        web = _web_process(stack)
        web.send_signal(signal.SIGSTOP)
        say(page, "are you there?")
        expect(page.locator(".message.mine.waiting")).to_be_visible()
        page.evaluate(WATCH_STATUS)
        web.kill()
        wait_for(lambda: "offline" in page.evaluate("states"), timeout=60, what="the page says that it is offline")
        connected(page)
        page.locator(".message.assistant").wait_for()
        expect(page.locator(".message.mine")).to_have_count(1)
        expect(page.locator(".message.assistant")).to_have_count(1)
        alice.troubles[:] = [line for line in alice.troubles if "WebSocket connection" not in line]


def test_what_was_too_much_at_once_is_marked_and_may_be_sent_again(
    telegram_process: TelegramControl, messages_process: MessagesControl, tmp_path: Path, browser: Browser
) -> None:
    messages_process.set_default("Here I am.")
    environment = product_environment(telegram_process, messages_process) | {"CLAW_USER_RATE": "2"}
    with running_stack(tmp_path / "home", environment) as stack, watched(browser) as alice:
        page = alice.page
        log_in(stack, page)
        page.goto(f"{stack.url}/chat/")
        connected(page)
        for number in range(4):
            say(page, f"note {number}")
        refused = page.locator(".message.mine.failed")
        expect(refused).to_have_count(2)
        expect(refused.last).to_contain_text("Not sent")
        expect(page.locator(".message.notice")).to_have_count(1)
        expect(page.locator(".message.assistant")).to_have_count(2)
        refused.last.get_by_role("button", name="Try again").click()
        expect(page.locator(".message.mine.failed .body")).to_have_text(["note 2", "note 3"])


def _web_process(stack: Stack) -> psutil.Process:
    """Return the process that has the page's socket."""
    for process in stack.family():
        with contextlib.suppress(psutil.NoSuchProcess):
            for connection in process.net_connections(kind="tcp"):
                if connection.laddr.port == stack.port and connection.status == psutil.CONN_ESTABLISHED:
                    return process
    raise AssertionError("nobody serves the page")


def test_files_commands_and_buttons(stack: Stack, browser: Browser, messages_process: MessagesControl) -> None:
    messages_process.set_default("I see it.")
    with watched(browser) as alice:
        page = alice.page
        log_in(stack, page)
        page.goto(f"{stack.url}/chat/")
        connected(page)
        page.set_input_files("#picker", FilePayload(name="notes.txt", mimeType="text/plain", buffer=b"hello " * 5000))
        page.locator("#files progress").wait_for(state="detached")
        expect(page.locator("#files li.failed")).to_have_count(0)
        say(page, "look")
        page.locator(".message.assistant").wait_for()
        with page.expect_download() as download:  # without loading the page anew
            page.locator(".attached a").click()
        assert download.value.suggested_filename == "notes.txt"
        assert Path(download.value.path()).read_bytes() == b"hello " * 5000

        page.fill("#text", "/alert")
        expect(page.locator("#hints li[aria-selected=true] b")).to_have_text("/alert")
        page.press("#text", "ArrowUp")
        expect(page.locator("#hints li[aria-selected=true] b")).to_have_text("/alerts")
        page.press("#text", "Enter")
        assert page.input_value("#text") == "/alerts "
        page.fill("#text", "/set")
        expect(page.locator("#hints li")).to_have_count(1)
        page.press("#text", "Tab")
        assert page.input_value("#text") == "/settings "
        page.press("#text", "Enter")
        button = page.locator(".notice .press").first
        button.wait_for()
        notices = page.locator(".message.notice")
        count = notices.count()
        button.click()
        notices.nth(count).wait_for()
        expect(button).to_be_disabled()


def test_what_a_model_writes_cannot_run(stack: Stack, browser: Browser, messages_process: MessagesControl) -> None:
    bad = (
        "<img src=x onerror=\"document.title='broken'\"> <script>document.title='broken'</script> "
        "[press](javascript:document.title='broken') ![x](http://127.0.0.1:9/beacon.png) <svg onload=alert(1)>"
    )
    messages_process.set_default(f"{bad} end of it", deltas=5)
    with watched(browser) as alice:
        page = alice.page
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        log_in(stack, page)
        page.goto(f"{stack.url}/chat/")
        connected(page)
        say(page, f"<b onclick=alert(1)>hi</b> {bad[:60]}")
        body = page.locator(".message.assistant .body")
        expect(body).to_contain_text("end of it")
        assert "broken" not in page.title()
        assert page.locator(".message script, .message img, .message svg, .message b").count() == 0
        assert page.locator('.message a[href^="javascript:"]').count() == 0
        assert [url for url in requests if not url.startswith(stack.url)] == []


@pytest.mark.parametrize(
    "options",
    [
        {"locale": "ru-RU", "viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True},
        {"locale": "pt-BR", "viewport": {"width": 768, "height": 1024}, "color_scheme": "dark"},
    ],
    ids=["ru-phone", "pt-dark"],
)
def test_every_page_fits_and_breaks_no_rule(
    stack: Stack, browser: Browser, messages_process: MessagesControl, options: dict[str, Any]
) -> None:
    messages_process.set_default(f"```\n{'wide ' * 60}\n```\n\n{'w' * 300}\n\n|{'a|' * 30}\n|{'-|' * 30}\n|{'b|' * 30}")
    with watched(browser, **options) as alice:
        page = alice.page
        page.goto(stack.url)
        assert fits(page)
        log_in(stack, page)
        page.goto(stack.url)
        page.locator(".tile").first.wait_for()
        assert fits(page)
        page.goto(f"{stack.url}/chat/")
        connected(page)
        say(page, "x" * 400)
        page.locator(".message.assistant").wait_for()
        assert fits(page)
        language = str(options["locale"]).lower()
        assert page.locator("html").get_attribute("lang") in (language, language.partition("-")[0])
