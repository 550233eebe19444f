"""Alice, Bob and Charlie as actors, and kinds of job for tests."""

from __future__ import annotations

from guardrails.types import Actor, Role

ALICE = Actor(subject="user:1", role=Role.ADMIN, name="Alice")
BOB = Actor(subject="user:2", role=Role.OPERATOR, name="Bob")
VIEWER = Actor(subject="user:4", role=Role.VIEWER, name="Vera")
CHARLIE = Actor(subject="user:3", role=Role.STRANGER, name="Charlie")
