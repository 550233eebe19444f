"""A run goes on while the processes around it die in turn: no step is done twice, and its message ends in the truth."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.stack import Stack, product_environment, running_stack, wait_for
from tests.faults.store import Store
from tests.servers.messages import MessagesControl
from tests.servers.telegram import TelegramControl

BOB = 1002
KILLED = ("bots", "web", "worker", "bots", "supervisor")
# Each wait is longer than it takes to see it and to kill somebody.
WAIT_SECONDS = 5.0


def write_book(place: Path, ledger: Path) -> Path:
    """Write a runbook that waits and then writes a line, once for each process that is killed."""
    lines = ["name: keep-going", "title: Keep going", "steps:"]
    for number in range(1, len(KILLED) + 1):
        lines += [
            f"  - {{title: Wait {number}, kind: wait, with: {{seconds: {WAIT_SECONDS}}}}}",
            f"  - {{title: Write {number}, kind: command, host: [tee],"
            f' with: {{argv: [tee, -a, "{ledger}"], input: "{number} "}}}}',
        ]
    book = place / "keep-going.yaml"
    book.write_text("\n".join(lines))
    return book


def kill(stack: Stack, role: str) -> None:
    """Kill the process of a role, as a crash would; the supervisor is started again as a service manager would."""
    stack.role(role).kill()
    if role == "supervisor":
        wait_for(lambda: not stack.is_running(), timeout=30, what="the supervisor is gone")
        stack.keep_alive()


@pytest.mark.faults
@pytest.mark.paired
@pytest.mark.xdist_group("storms")
@pytest.mark.timeout(400)
def test_a_run_outlives_the_processes_around_it(
    telegram_process: TelegramControl, messages_process: MessagesControl, tmp_path: Path
) -> None:
    telegram_process.add_user("Bob", user_id=BOB)
    ledger = tmp_path / "ledger"
    environment = product_environment(telegram_process, messages_process) | {"TELEGRAM_ADMIN_USERS": str(BOB)}

    def shown(text: str) -> bool:
        return any(text in message.get("text", "") for message in telegram_process.bot_messages(BOB))

    def cards() -> list[str]:
        return [m["text"] for m in telegram_process.bot_messages(BOB) if "[10/10]" in m.get("text", "")]

    with running_stack(tmp_path / "home", environment) as stack:
        brought = stack.manage("runbook", "import", str(write_book(tmp_path, ledger)))
        assert brought.returncode == 0, brought.stderr
        telegram_process.user_sends(BOB, "/runbook keep-going")
        for number, role in enumerate(KILLED, start=1):
            wait_for(lambda text=f"Wait {number} ...": shown(text), timeout=60, what=f"wait {number}")  # type: ignore[misc]
            stack.wait_ready()
            kill(stack, role)
        wait_for(lambda: shown("is done: 10 of 10 steps"), timeout=60, what="the end is told")
        stack.wait_ready()
        store = Store(stack.home)
        wait_for(lambda: store.waiting() == 0, timeout=60, what="nothing waits")
        assert store.rows("SELECT state FROM runbooks_job WHERE kind = 'runbook'") == [("succeeded",)]
        wait_for(lambda: cards()[-1].startswith("✅"), timeout=60, what="the card shows the end")
        (progress,) = cards()
        assert progress.count("... ok") == 10
    assert ledger.read_text().split() == ["1", "2", "3", "4", "5"]
