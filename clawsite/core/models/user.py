"""The people who log in to the admin. People who only chat are contacts."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser


class User(AbstractUser):
    """An account of the admin pages."""

    class Meta(AbstractUser.Meta):
        """Keeps Django's names."""

        db_table = "core_user"
