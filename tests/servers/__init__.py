"""Loopback emulators of the outside services, and real services started for a test session.

By hand: `python -m tests.servers.telegram --port 8081 --user Alice` (its page at `/` is a chat window) and
`python -m tests.servers.messages --port 8082 --pause 0.03`. In tests: the fixtures of tests/fixtures/services.py.
"""
