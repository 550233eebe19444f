"""The app of the serving layer: commands, pages and admin sites."""

from __future__ import annotations

from django.apps import AppConfig


class ClawsiteConfig(AppConfig):
    """Makes management commands and templates of the serving layer known to Django."""

    name = "clawsite"
    verbose_name = "clawsite"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load the checks of the settings and the kinds of job and the outside services of this layer."""
        from clawsite import checks
        from clawsite.gateway.scheduled import kinds as scheduled
        from clawsite.ops import kinds, outside

        checks.register_checks()
        kinds.register_kinds()
        outside.register()
        scheduled.register_kinds()
