"""The admin in a real browser against the product as `manage.py up` runs it: no page breaks its own policy."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.clawsite.web.second_factor.app import App
from tests.e2e.browser import open_browser, watched
from tests.faults.stack import ROOT, Stack, product_environment, running_stack
from tests.ports import free_port
from tests.servers.messages import MessagesServer
from tests.servers.telegram import TelegramServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

MINUTE = 60_000
PASSWORD = "correct horse battery"
EVIL = "<script>document.title='broken'</script>"
SEED = f"""
from clawsite.core.models import User
from sessions_app.contacts import issue_pairing
from sessions_app.models import Channel, Contact, Session
from sessions_app.sessions import add_message
User.objects.create_superuser("alice", password="{PASSWORD}")
User.objects.create_user("dana", password="{PASSWORD}", is_staff=True)
channel = Channel.objects.get(kind="webchat")
contact = Contact.objects.create(channel=channel, external_id="visitor:1", name="Charlie")
print(issue_pairing(contact).code)
session = Session.objects.create(channel=channel, chat_id="visitor:1", title="Charlie")
for number in range(60):
    add_message(session.pk, role="assistant" if number % 2 else "user", text=f"line {{number}} {EVIL}")
"""
PAGES = (
    "sessions_app/session/", "sessions_app/message/", "sessions_app/fact/", "sessions_app/contact/",
    "sessions_app/channel/", "sessions_app/channel/add/", "sessions_app/inbox/", "sessions_app/outbox/",
    "sessions_app/promptlayer/", "guardrails/verdictrecord/", "guardrails/approval/", "core/auditevent/",
    "runbooks/job/", "runbooks/schedule/", "runbooks/schedule/add/", "runbooks/schedulerun/",
    "runbooks/monitoredsystem/", "runbooks/monitoredsystem/add/", "runbooks/namedquery/", "runbooks/namedquery/add/",
    "core/process/", "core/user/", "core/user/add/", "core/secret/add/",
)  # fmt: skip


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Stack]:
    """A running installation, with an admin and a conversation; each test looks at another part of it.

    Its mail server is away, as one of its outside services.
    """
    home = tmp_path_factory.mktemp("admin") / "home"
    mail = {
        "CLAW_SELF_ALERTS": "yes",
        "CLAW_ALERT_MAIL": "ops@example.com",
        "CLAW_ALERT_MAIL_SERVER": f"smtp://127.0.0.1:{free_port()}",
    }
    with (
        TelegramServer().running() as telegram,
        MessagesServer().running() as messages,
        running_stack(home, product_environment(telegram, messages) | mail) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def code(stack: Stack) -> str:
    """The pairing code of a stranger."""
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", SEED]
    done = subprocess.run(
        command, cwd=ROOT, env=stack.environment, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with open_browser(chromium) as opened:
        yield opened


@pytest.fixture(scope="module")
def known(stack: Stack, code: str, browser: Browser) -> StorageState:
    """What Alice's browser keeps once she has logged in: one may log in five times a minute."""
    with watched(browser) as alice:
        page = alice.page
        page.goto(f"{stack.url}/admin/")
        page.fill("input[name=username]", "alice")
        page.fill("input[name=password]", PASSWORD)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(f"{stack.url}/admin/")
        return page.context.storage_state()


def test_alice_finds_her_way_and_lets_a_stranger_in(
    stack: Stack, code: str, known: StorageState, browser: Browser
) -> None:
    with watched(browser, storage_state=known) as alice:
        page = alice.page
        page.goto(f"{stack.url}/admin/")
        tile = page.locator(".claw-tile", has_text="people ask to be let in")
        expect(tile.locator("b")).to_have_text("1")
        tile.click()
        row = page.locator("tr", has_text=f"{code[:4]}-{code[4:]}")
        expect(row).to_contain_text("Charlie")
        row.get_by_role("button", name="Approve").click()
        expect(page.get_by_text("Charlie may talk to the bot now, as Viewer.")).to_be_visible()
        expect(page.get_by_role("button", name="Approve")).to_have_count(0)
        page.goto(f"{stack.url}/admin/core/auditevent/")
        expect(page.locator("#result_list")).to_contain_text("contact.approve")


def test_the_transcript_is_read_from_its_end_and_runs_nothing(
    stack: Stack, code: str, known: StorageState, browser: Browser
) -> None:
    with watched(browser, storage_state=known) as alice:
        page = alice.page
        page.goto(f"{stack.url}/admin/")
        page.goto(f"{stack.url}/admin/sessions_app/session/")
        page.get_by_role("link", name="Read", exact=True).click()
        expect(page.locator("#m60")).to_be_in_viewport()
        expect(page.locator("#m60")).to_contain_text(EVIL)
        expect(page.locator(".claw-line")).to_have_count(50)
        page.get_by_role("link", name="Older").click()
        expect(page.locator(".claw-line")).to_have_count(10)
        expect(page).not_to_have_title("broken")


def test_on_a_phone_no_line_of_a_list_is_cut_and_an_empty_one_says_so(
    stack: Stack, code: str, known: StorageState, browser: Browser
) -> None:
    with watched(browser, storage_state=known, viewport={"width": 360, "height": 740}) as alice:
        page = alice.page
        page.goto(f"{stack.url}/admin/sessions_app/message/")
        cell = page.locator("#result_list td", has_text="line 5").first
        assert cell.evaluate("cell => cell.scrollHeight - cell.clientHeight") <= 0
        page.goto(f"{stack.url}/admin/runbooks/runbook/")
        expect(page.get_by_text("There is nothing here yet.")).to_be_visible()
        page.goto(f"{stack.url}/admin/runbooks/runbook/?q=nowhere")
        expect(page.get_by_text("Nothing fits.")).to_be_visible()
        page.get_by_role("link", name="Reset filters").click()
        page.get_by_role("link", name="Add runbook").click()
        expect(page.locator("#id_name")).to_be_visible()


def test_the_size_of_a_layer_is_counted_while_she_types(
    stack: Stack, code: str, known: StorageState, browser: Browser
) -> None:
    with watched(browser, storage_state=known) as alice:
        page = alice.page
        page.goto(f"{stack.url}/admin/")
        page.goto(f"{stack.url}/admin/sessions_app/promptlayer/")
        page.get_by_role("link", name="Business context").click()
        size = page.locator("#layer-size")
        expect(size.locator("[data-tokens]")).to_have_text("0")
        page.fill("#id_text", "We sell boats. " * 200)
        expect(size).to_have_attribute("data-state", "over")
        page.fill("#id_budget", "5000")
        expect(size).to_have_attribute("data-state", "fine")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator("tr", has_text="Business context")).to_contain_text(re.compile(r"[1-9]\d* / 5000"))


def test_the_dashboard_draws_what_its_socket_tells(
    stack: Stack, code: str, known: StorageState, browser: Browser
) -> None:
    with watched(browser, storage_state=known, viewport={"width": 390, "height": 800}) as alice:
        page = alice.page
        page.goto(stack.url)
        expect(page.locator("#charts canvas")).to_have_count(8)
        expect(page.locator("#stale")).to_be_hidden()
        drawn_at = page.locator("#figures time").get_attribute("datetime")
        expect(page.locator("#figures time")).not_to_have_attribute("datetime", drawn_at or "")
        page.get_by_role("button", name="24 hours").click()
        expect(page.get_by_role("button", name="24 hours")).to_have_attribute("aria-pressed", "true")
        away = page.locator("#figures tr", has_text="mail server")
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            expect(away.locator(".state")).to_have_text(re.compile("left alone|being tried"), timeout=MINUTE)
            expect(page.locator("#figures li", has_text="Mail server 127.0.0.1 does not answer.")).to_be_visible(
                timeout=MINUTE
            )
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide == 0


def test_every_page_keeps_to_its_policy(stack: Stack, code: str, known: StorageState, browser: Browser) -> None:
    for scheme in ("light", "dark"):
        with watched(browser, storage_state=known, color_scheme=scheme) as alice:
            page = alice.page
            for path in PAGES:
                check_page(page, f"{stack.url}/admin/{path}")


def check_page(page: Page, url: str) -> None:
    """Open a page and look at its policy and its width; what its console says is looked at when the window closes."""
    answer = page.goto(url, wait_until="networkidle")
    assert answer is not None
    assert answer.status == 200, url
    assert "script-src 'self' 'unsafe-eval';" in answer.headers["content-security-policy"], url
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), url


def test_alice_schedules_a_job_runs_it_now_and_watches_its_events(
    stack: Stack, code: str, known: StorageState, browser: Browser
) -> None:
    with watched(browser, storage_state=known) as alice:
        page = alice.page
        page.goto(f"{stack.url}/admin/")
        page.goto(f"{stack.url}/admin/runbooks/schedule/add/")
        page.fill("input[name=name]", "nightly")
        page.select_option("select[name=kind]", "selftest")
        page.fill("textarea[name=params]", '{"events": 40, "pause": 0.4}')
        page.fill("input[name=cron]", "61 * * * *")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("listitem").filter(has_text="cannot be read: bad minute")).to_be_visible()
        page.fill("input[name=cron]", "30 3 * * *")
        page.get_by_role("button", name="Save", exact=True).click()
        page.get_by_role("row", name="nightly").get_by_role("button", name="Run now").click()
        expect(page.get_by_text("The job was started")).to_be_visible()

        page.goto(f"{stack.url}/admin/runbooks/job/")
        page.locator("#result_list tbody a").first.click()
        expect(page.locator("#job-events output")).to_have_text("Running")
        before = page.locator("#job-events li").count()
        expect(page.locator("#job-events li", has_text="n: 40")).to_be_visible(timeout=MINUTE)
        # By its place, not by a count: the page loads itself anew when the job is over, and has none for a moment.
        expect(page.locator("#job-events li").nth(before)).to_be_visible()
        expect(page.locator("#job-events output")).to_have_text("Succeeded")
        expect(page.locator("#job-events li").last).to_contain_text("end")


@pytest.mark.usefixtures("code")
def test_dana_sets_up_a_second_factor_on_her_phone_and_logs_in_with_it(stack: Stack, browser: Browser) -> None:
    with watched(browser, viewport={"width": 360, "height": 740}) as dana:
        page = dana.page
        _give_password(page, stack, "dana")
        page.goto(f"{stack.url}/second-factor/")
        page.get_by_role("link", name="Set it up").click()
        expect(page.get_by_text("No camera?")).to_be_visible()
        _fits(page)
        page.get_by_text("No camera?").click()
        app = App(page.locator("code.codes").inner_text())
        page.fill("input[name=password]", PASSWORD)
        page.fill("input[name=code]", app.code())
        page.get_by_role("button", name="Switch it on").click()
        expect(page.locator("ul.codes li")).to_have_count(10)
        _fits(page)
        page.get_by_role("link", name="I have kept them").click()
        page.wait_for_url(f"{stack.url}/admin/")
        page.context.clear_cookies()
        _give_password(page, stack, "dana")
        page.wait_for_url(f"{stack.url}/second-factor/code")
        _fits(page)
        page.fill("input[name=code]", app.next_code())
        page.press("input[name=code]", "Enter")
        page.wait_for_url(f"{stack.url}/admin/")
        page.goto(f"{stack.url}/second-factor/")
        expect(page.get_by_text("10 recovery codes are left")).to_be_visible()
        _fits(page)


def _give_password(page: Page, stack: Stack, name: str) -> None:
    page.goto(f"{stack.url}/admin/")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")


def _fits(page: Page) -> None:
    """Nothing stands out of the screen to the right."""
    page.wait_for_load_state()
    width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(width) <= 0
