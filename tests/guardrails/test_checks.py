"""Settings of the guards: a wrong one is found before anything runs, and the policy says what settings say."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from guardrails.policy import policy_from_settings

GOOD = [
    ("CLAW_PII_OUTPUT", "block"),
    ("CLAW_PII_INPUT", "off"),
    ("CLAW_ALLOWED_LINKS", ["example.com", "*.пример.рф", "localhost", "10.0.0.1"]),
    ("CLAW_PRIVATE_HOSTS", ["printer.lan", "10.0.0.5:8080", "[::1]:80", "localhost"]),
]
WRONG = [
    ("CLAW_PII_OUTPUT", "msk", "guardrails.E001"),
    ("CLAW_PII_INPUT", "mask", "guardrails.E002"),
    ("CLAW_ALLOWED_LINKS", ["https://example.com"], "guardrails.E003"),
    ("CLAW_ALLOWED_LINKS", ["com"], "guardrails.E003"),
    ("CLAW_PRIVATE_HOSTS", ["http://printer.lan/"], "guardrails.E004"),
    ("CLAW_CA_FILE", "/nowhere.pem", "guardrails.E005"),
    ("CLAW_CA_FILE", __file__, "guardrails.E005"),
]


@pytest.mark.parametrize(("name", "value"), GOOD)
def test_right_settings_pass(settings: Settings, name: str, value: object) -> None:
    setattr(settings, name, value)
    assert run_checks(tags=["guardrails"]) == []


@pytest.mark.parametrize(("name", "value", "check_id"), WRONG)
def test_a_wrong_setting_is_named(settings: Settings, name: str, value: object, check_id: str) -> None:
    setattr(settings, name, value)
    (error,) = run_checks(tags=["guardrails"])
    assert error.id == check_id
    assert name in error.msg
    assert error.hint


def test_the_policy_is_what_settings_say(settings: Settings) -> None:
    settings.CLAW_PII_OUTPUT = "block"
    settings.CLAW_ALLOWED_LINKS = ["example.com"]
    settings.CLAW_USER_RATE = 7
    policy = policy_from_settings()
    assert (policy.pii_output, policy.allowed_links, policy.rate) == ("block", ("example.com",), 7)
