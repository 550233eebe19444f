"""The app of the guards."""

from __future__ import annotations

from django.apps import AppConfig


class GuardrailsConfig(AppConfig):
    """Registers verdicts and approvals, the checks of the settings, and the secrets that nothing may show."""

    name = "guardrails"
    verbose_name = "Guardrails"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load the checks; tell the redaction what is secret here."""
        from guardrails import checks, secrets

        checks.register_checks()
        secrets.register_settings()
