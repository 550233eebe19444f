"""Who is at the admin's keyboard, in the words of the layers below."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest

from clawsite.core.models import User
from clawsite.web.address import address_of_request
from guardrails.types import Actor, Role


def actor_of(request: HttpRequest) -> Actor:
    """Return the person who sent a request: superusers act as admins, other staff as operators."""
    user = cast(User, request.user)
    role = Role.ADMIN if user.is_superuser else Role.OPERATOR
    return Actor(subject=f"user:{user.pk}", role=role, name=user.get_username())


def origin_of(request: HttpRequest) -> str:
    """Return the address a request came from, for the audit log."""
    return address_of_request(request)
