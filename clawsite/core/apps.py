"""The app of the floor: processes, leases, audit, secrets and the user model."""

from __future__ import annotations

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Registers the floor's models under the label `core`."""

    name = "clawsite.core"
    label = "core"
    verbose_name = "System"
    default_auto_field = "django.db.models.BigAutoField"
