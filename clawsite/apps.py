"""The app of the serving layer: commands, pages and admin sites."""

from __future__ import annotations

from django.apps import AppConfig


class ClawsiteConfig(AppConfig):
    """Makes management commands and templates of the serving layer known to Django."""

    name = "clawsite"
    verbose_name = "clawsite"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load the checks of the settings and the kinds of job of this layer."""
        from clawsite import checks
        from clawsite.core.services import register_service
        from clawsite.gateway.scheduled import kinds as scheduled
        from clawsite.ops import kinds
        from clawsite.ops.selfalerts import server

        checks.register_checks()
        kinds.register_kinds()
        register_service(server.SERVICE, server.server_names)
        scheduled.register_kinds()
