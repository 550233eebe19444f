"""The app of the guards."""

from __future__ import annotations

from django.apps import AppConfig


class GuardrailsConfig(AppConfig):
    """Registers verdicts and approvals."""

    name = "guardrails"
    verbose_name = "Guardrails"
    default_auto_field = "django.db.models.BigAutoField"
