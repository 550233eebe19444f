"""A real Chromium that watches itself: every error on its console and every breach of a page's policy is kept."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
# It ends what hangs: a page takes its time on a machine with much else to do, and what is expected has 5 s by itself.
WAIT_MILLISECONDS = 30_000
expect.set_options(timeout=WAIT_MILLISECONDS)


class Watched:
    """One browser window of one person, and what went wrong in it."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.page: Page = context.new_page()
        self.troubles: list[str] = []
        self.page.set_default_timeout(WAIT_MILLISECONDS)
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(f"{message.type}: {message.text}")


@contextlib.contextmanager
def open_browser(executable: str) -> Iterator[Browser]:
    """Start Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def watched(browser: Browser, **options: Any) -> Iterator[Watched]:
    """Open a fresh window (own cookies) and fail when anything went wrong in it."""
    context = browser.new_context(**{"viewport": {"width": 1200, "height": 800}, "locale": "en-US"} | options)
    window = Watched(context)
    try:
        yield window
        assert window.troubles == []
    finally:
        context.close()
