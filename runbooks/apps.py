"""The app of jobs, schedules and everything that runs as one."""

from __future__ import annotations

from django.apps import AppConfig


class RunbooksConfig(AppConfig):
    """Makes the models known to Django."""

    name = "runbooks"
    verbose_name = "Work"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load the kinds of job of this layer; offer what guards call: the run whose approval was decided."""
        from guardrails.approvals import register_resumer
        from runbooks import kinds
        from runbooks.books.asking import KIND, take_up

        kinds.register_kinds()
        register_resumer(KIND, take_up)
