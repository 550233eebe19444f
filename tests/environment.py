"""The pytest plugin loaded before Django's settings: no run may read or write a real installation.

Settings come from the environment, and reading them makes the state directory, so a conftest would be too
late. Variables of a real installation are removed, lest tests spend its model key or write in its chats.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from tests.engine import OWN, SHARED, servers_of

_OURS = ("CLAW_", "TELEGRAM_", "ANTHROPIC_", "SECRET_KEY", "DATABASE_URL", "REDIS_URL", "TIME_ZONE")

for _name in [name for name in os.environ if name.startswith(_OURS)]:
    del os.environ[_name]

HOME = tempfile.mkdtemp(prefix="clawsite-test-")
os.environ["CLAW_HOME"] = HOME
# One for all processes of a run, and for all runs of ./test: see tests/template.py.
os.environ.setdefault(SHARED, f"{HOME}/templates")
os.environ.update(servers_of(Path(HOME)))


def pytest_configure() -> None:
    """Take back what the settings of this process have read: what tests start gets a database of its own."""
    from django.conf import settings  # noqa: PLC0415 - not before the environment is ready

    assert settings.DATABASES
    for name in OWN:
        os.environ.pop(name, None)


def pytest_unconfigure() -> None:
    """Remove the state directory of this run."""
    shutil.rmtree(HOME, ignore_errors=True)
