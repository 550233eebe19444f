"""The app of jobs, schedules and everything that runs as one."""

from __future__ import annotations

from django.apps import AppConfig


class RunbooksConfig(AppConfig):
    """Makes the models known to Django."""

    name = "runbooks"
    verbose_name = "Work"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load the kinds of job of this layer."""
        from runbooks import kinds

        kinds.register_kinds()
