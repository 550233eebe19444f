"""The pytest plugin loaded before Django's settings: no run may read or write a real installation.

Settings come from the environment, and reading them makes the state directory, so a conftest would be too
late. Variables of a real installation are removed, lest tests spend its model key or write in its chats.
"""

from __future__ import annotations

import os
import shutil
import tempfile

_OURS = ("CLAW_", "TELEGRAM_", "ANTHROPIC_", "SECRET_KEY", "DATABASE_URL", "REDIS_URL", "TIME_ZONE")

for _name in [name for name in os.environ if name.startswith(_OURS)]:
    del os.environ[_name]

HOME = tempfile.mkdtemp(prefix="clawsite-test-")
os.environ["CLAW_HOME"] = HOME
# One for all processes of a run, and for all runs of ./test: see tests/template.py.
os.environ.setdefault("TESTS_TEMPLATES", f"{HOME}/templates")


def pytest_unconfigure() -> None:
    """Remove the state directory of this run."""
    shutil.rmtree(HOME, ignore_errors=True)
