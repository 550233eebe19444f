"""Feature flags: for whom a feature is on. waffle's flag with our own way to decide, as chats send no cookies."""

from __future__ import annotations

import hashlib
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext as _
from waffle.models import AbstractBaseFlag

from clawsite.core.features import FEATURES

MOST_NAMES = 1000
NAME_CHARS = 200
# Shares are counted in tenths of a percent.
PARTS = 1000


def check_names(value: Any) -> None:
    """Refuse what is no list of short names."""
    fine = isinstance(value, list) and len(value) <= MOST_NAMES
    if not fine or not all(isinstance(name, str) and 0 < len(name) <= NAME_CHARS for name in value):
        raise ValidationError(_("A list of at most {count} names is wanted.").format(count=MOST_NAMES))


class FeatureFlag(AbstractBaseFlag):
    """One feature of the catalogue. `everyone` decides for all; unknown leaves it to the lists and the share.

    People are named as records name them (`user:3`, `contact:7`), channels by their name.
    """

    # What waffle decides by a page's visitor or cookies has no place here.
    testing = superusers = staff = authenticated = rollout = languages = None  # type: ignore[assignment]

    people_on = models.JSONField(default=list, blank=True, validators=[check_names])
    people_off = models.JSONField(default=list, blank=True, validators=[check_names])
    channels_on = models.JSONField(default=list, blank=True, validators=[check_names])
    channels_off = models.JSONField(default=list, blank=True, validators=[check_names])

    class Meta:
        """A row for each feature."""

        verbose_name = "feature"
        verbose_name_plural = "features"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(percent__isnull=True) | models.Q(percent__gte=0), name="flag_share_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def get(cls, name: str) -> Self:
        """Return a flag from the database: waffle's cache is one for each process, and would go stale."""
        return cls.objects.filter(name=name).first() or cls(name=name)

    @classmethod
    def get_all(cls) -> list[Self]:
        """Return all flags from the database."""
        return list(cls.objects.all())

    def decide(self, *, person: str = "", channel: str = "") -> bool | None:
        """Decide by everyone, then the person, then the channel, then the share; None when none of them says."""
        if self.everyone is not None:
            return self.everyone
        for name, off, on in (
            (person, self.people_off, self.people_on),
            (channel, self.channels_off, self.channels_on),
        ):
            if name and (name in off or name in on):
                return name not in off
        if self.percent is not None:
            return bool(_part_of(self.name, person or channel) < self.percent * PARTS / 100)
        return None

    def is_active(self, request: HttpRequest, read_only: bool = False) -> bool:
        """Decide for a page's visitor as for everybody else: waffle's templates and decorators ask here."""
        user = request.user
        decided = self.decide(person=f"user:{user.pk}" if user.is_authenticated else "")
        feature = FEATURES.get(self.name)
        return decided if decided is not None else feature is not None and feature.default


def _part_of(name: str, subject: str) -> int:
    """Return the tenth of a percent somebody belongs to: always the same for one feature, another for the next."""
    digest = hashlib.sha256(f"{name}:{subject}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % PARTS
