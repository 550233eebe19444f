"""What every test may ask for: the real services and the emulators."""

from __future__ import annotations

pytest_plugins = ["tests.fixtures.services"]
