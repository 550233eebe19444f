"""The second factor of an account: the app that shows codes, and codes on paper for the day it is lost."""

from __future__ import annotations

import secrets
import time
from base64 import b32encode
from typing import ClassVar
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import models
from django.utils import timezone
from django_otp.models import Device, ThrottlingMixin
from django_otp.oath import TOTP

from clawsite.core.crypto import EncryptedTextField, check_secret

ISSUER = "clawsite"
KEY_BYTES = 20
DIGITS = 6
STEP_SECONDS = 30
# A clock that is off by one step is right enough; how far it is off is remembered.
TOLERANCE = 1


def new_key() -> str:
    """Return a fresh key in hexadecimal."""
    return secrets.token_hex(KEY_BYTES)


class Authenticator(ThrottlingMixin, Device):  # type: ignore[misc]  # django-otp carries no types
    """An app that shows a code every 30 seconds. An account has one that counts, and one that is being set up.

    Unlike the device of django-otp's own plugin its key is encrypted at rest. Wrong codes make it wait: 1, 2, 4, ... s.
    """

    key = EncryptedTextField(default=new_key)
    drift = models.SmallIntegerField(default=0)
    last_step = models.BigIntegerField(default=-1)
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[models.Manager[Authenticator]] = models.Manager()

    class Meta:
        """One of each kind for an account."""

        constraints = [models.UniqueConstraint(fields=["user", "confirmed"], name="authenticator_once")]

    @property
    def secret(self) -> str:
        """The key as an app takes it by hand."""
        return b32encode(self._key()).decode("ascii")

    @property
    def config_url(self) -> str:
        """What the picture says to an app."""
        label = quote(f"{ISSUER}:{self.user.get_username()}")
        fields = {"secret": self.secret, "issuer": ISSUER, "digits": DIGITS, "period": STEP_SECONDS}
        return f"otpauth://totp/{label}?{urlencode(fields)}"

    def get_throttle_factor(self) -> int:
        """Seconds to wait after the first wrong code; each further one doubles them."""
        return 1

    def verify_token(self, token: str) -> bool:
        """Tell whether a code is the app's now, and was not used before. Saves the row; lock it first."""
        if not self.verify_is_allowed()[0]:
            return False
        totp = TOTP(self._key(), STEP_SECONDS, 0, DIGITS, self.drift)
        totp.time = time.time()
        wellformed = len(token) == DIGITS and token.isascii() and token.isdecimal()
        if not wellformed or not totp.verify(int(token), TOLERANCE, self.last_step + 1):
            self.throttle_increment(commit=True)
            return False
        self.last_step, self.drift = totp.t(), totp.drift
        self.throttle_reset(commit=False)
        self.save()
        return True

    def _key(self) -> bytes:
        return bytes.fromhex(check_secret(self.key))


class RecoveryCode(models.Model):
    """A code that counts once. Only its digest is kept: it has 80 random bits, so a plain hash is enough."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """Looked up by its account and digest."""

        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="recovery_code_once")]

    def __str__(self) -> str:
        return f"recovery code of {self.user_id}"
