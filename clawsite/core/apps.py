"""The app of the floor: processes, leases, audit, secrets and the user model."""

from __future__ import annotations

from django.apps import AppConfig
from waffle.apps import WaffleConfig


class CoreConfig(AppConfig):
    """Registers the floor's models under the label `core`."""

    name = "clawsite.core"
    label = "core"
    default = True
    verbose_name = "System"
    default_auto_field = "django.db.models.BigAutoField"


class FlagsConfig(WaffleConfig):
    """waffle without its receivers, which look for the users of its own flag; ours names people as records do."""

    def ready(self) -> None:
        """Nothing is to be connected: what is cached of flags is dropped by clawsite.core.flags."""
