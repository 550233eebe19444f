"""A night on call, in the demo: the example falls silent, and everything from alert to incident is done in a chat.

Real Prometheus and Alertmanager watch it; the chat is Telegram's emulator. Nothing here touches our database.
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clawsite.running import Running, until, up
from tests.programs import need_program
from tests.servers.guardian import GuardianControl
from tests.servers.telegram import TelegramControl

# The first person that the emulator makes.
ALICE = 5001
Message = dict[str, Any]


@dataclass
class Night:
    """The chat of Alice, and what she sees in it."""

    telegram: TelegramControl
    guardian: GuardianControl
    alertmanager: str
    running: Running

    def says(self, text: str) -> Message:
        """Alice writes; return the bot's next message."""
        before = max((message["message_id"] for message in self.telegram.messages(ALICE)), default=0)
        self.telegram.user_sends(ALICE, text)
        return self.telegram.wait_for_bot(ALICE, after=before, timeout=60)[0]

    def presses(self, message: Message, label: str) -> None:
        """Alice presses a button by a part of its label."""
        labels = [button["text"] for row in message["reply_markup"]["inline_keyboard"] for button in row]
        (found,) = [each for each in labels if label in each]
        self.telegram.press(ALICE, message["message_id"], text=found)

    def sees(self, pattern: str, *, seconds: float = 60) -> Message:
        """Return the newest message of the bot that has this, as soon as there is one."""

        def look() -> Message | None:
            said = self.telegram.bot_messages(ALICE)
            return next((each for each in reversed(said) if re.search(pattern, each.get("text", ""), re.DOTALL)), None)

        return until(look, seconds=seconds, what=f"{pattern!r} among {self.texts()}; {self.running.tail()}")  # type: ignore[no-any-return]

    def texts(self) -> list[str]:
        """Return what the bot has said, as it stands."""
        return [message.get("text", "") for message in self.telegram.bot_messages(ALICE)]

    def silences(self) -> list[str]:
        """Return the states of the silences in the real Alertmanager."""
        with urllib.request.urlopen(f"{self.alertmanager}/api/v2/silences", timeout=20) as answer:  # noqa: S310 - loopback
            return [each["status"]["state"] for each in json.loads(answer.read())]


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    """The demo, with Alice as an admin from the start."""
    for program in ("prometheus", "prometheus-alertmanager"):
        need_program(program)
    with up(tmp_path / "home", "--demo", TELEGRAM_ADMIN_USERS=str(ALICE), CLAW_SYSTEMS_SECONDS="1") as running:
        text = running.log.read_text()
        urls = dict(re.findall(r"^(Telegram|Guardian|Alertmanager) +(http://[\d.]+:\d+)/", text, re.MULTILINE))
        telegram, guardian = TelegramControl(urls["Telegram"]), GuardianControl(urls["Guardian"])
        try:
            yield Night(telegram, guardian, urls["Alertmanager"], running)
        finally:
            telegram.close()
            guardian.close()


@pytest.mark.services
@pytest.mark.timeout(240)
def test_a_night_on_call(night: Night) -> None:
    assert "critical" in night.says("/subscribe critical")["text"].lower()
    night.guardian.misbehave("zero")

    alert = night.sees(r"CRITICAL: Zero transactions detected.*Check the API at once")
    assert not alert.get("disable_notification")
    night.presses(alert, "Acknowledge")
    night.sees(r"Zero transactions detected.*Alice has it since")
    night.presses(alert, "1h")
    silenced = night.sees(r"Zero transactions detected.*Silent until [^;]*\(Alice\)(?!;)")
    assert night.silences() == ["active"]
    night.presses(silenced, "Undo")
    until(lambda: night.silences() == ["expired"], seconds=60, what="the silence is over in Alertmanager")

    until(lambda: "🔴 Zero" in night.says("mostra alertas")["text"], seconds=60, what="it is among the alerts")
    night.presses(night.sees(r"CRITICAL: Zero transactions"), "Incident")
    incident = night.sees(r"INC-1 · P\d · Zero transactions detected")
    night.presses(night.sees(r"CRITICAL: Zero transactions"), "restart-api")
    plan = night.sees(r"This would run:.*transaction-guardian.*3\. Restarting the API: ")
    assert night.guardian.state()["status"] != "healthy"
    night.presses(plan, "Start")
    night.sees(r"\[4/4\].*", seconds=60)

    resolved = night.sees(r"RESOLVED: Zero transactions detected", seconds=60)
    assert resolved["message_id"] == alert["message_id"]
    assert night.guardian.state()["status"] == "healthy"
    story = night.sees(r"INC-1 .*Alice acknowledged.*silence taken back.*started the runbook.*is done.*alert over")
    assert story["message_id"] == incident["message_id"]
    night.presses(story, "Resolve")
    night.sees(r"✅ INC-1 ")
    is_well = lambda: night.says("como está o sistema?")["text"].startswith("✅ Transaction Guardian")  # noqa: E731
    until(is_well, seconds=60, what="all is well")
