"""The people who log in to the admin. People who only chat are contacts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):  # type: ignore[django-manager-missing]  # django-otp carries no types
    """An account of the admin pages.

    `login_stamp` changes with its second factor. Sessions are bound to it as they are to the password, and to whether a
    second factor is necessary: what began without what is asked for now has ended.
    """

    login_stamp = models.CharField(max_length=32, blank=True, default="", db_default="", editable=False)

    class Meta(AbstractUser.Meta):
        """Keeps Django's names."""

        db_table = "core_user"

    def get_session_auth_hash(self) -> str:
        """Return what a session of this account must know."""
        return self._bind(super().get_session_auth_hash())

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """Return the same by earlier values of SECRET_KEY."""
        return (self._bind(each) for each in super().get_session_auth_fallback_hash())

    def _bind(self, plain: str) -> str:
        if not self.login_stamp and not settings.CLAW_ADMIN_OTP:
            return plain
        text = f"{plain}:{self.login_stamp}:{settings.CLAW_ADMIN_OTP}"
        return hashlib.sha256(text.encode()).hexdigest()
