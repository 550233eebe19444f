"""The first admin of a new installation: an account without a password, and a link that lets its owner set one.

There is never a default password. The link works once, for an hour, until somebody has a password; only a hash of it is
stored, and each start makes a new one in place of the old.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, TimestampSigner
from django.db import transaction

from clawsite.core import audit
from clawsite.core.crypto import same_secret
from clawsite.core.errors import BadInput, NotAllowed
from clawsite.core.models import Secret, User

NAME = "admin"
LINK_SECONDS = 3600
_ROW = "FIRST_LOGIN"
_SALT = "clawsite.first-login"


def prepare_first_admin(name: str = NAME) -> str:
    """Make the account if there is none, and return the path of a new link; "" when an admin can log in already.

    An account that waits for its password keeps its own name. BadInput when the name cannot be one.
    """
    with transaction.atomic():
        users = list(User.objects.select_for_update().filter(is_superuser=True, is_active=True))
        if any(user.has_usable_password() for user in users):
            Secret.objects.filter(name=_ROW).delete()
            return ""
        user = users[0] if users else _create_admin(name)
        token = _signer().sign(secrets.token_urlsafe(32))
        value = json.dumps({"user": user.pk, "hash": _hash(token)})
        Secret.objects.update_or_create(name=_ROW, defaults={"value": value})
    return f"/first-login/{token}"


def _create_admin(name: str) -> User:
    user = User(username=name, is_staff=True, is_superuser=True)
    user.set_unusable_password()
    try:
        user.full_clean()
    except ValidationError as error:
        raise BadInput(" ".join(error.messages)) from None
    user.save()
    audit.record("user.create", actor="system", subject=f"user:{user.pk}", username=name)
    return user


def find_waiting_admin() -> str:
    """Return the name of the account that the link is for; "" when there is none."""
    user = User.objects.filter(is_superuser=True, is_active=True).first()
    return "" if user is None or user.has_usable_password() else user.get_username()


def create_admin(name: str, *, password: str, actor: str) -> User:
    """Make a superuser, or give the superuser of this name a password; BadInput for a weak one or a taken name."""
    with transaction.atomic():
        user = User.objects.select_for_update().filter(username=name).first()
        if user is not None and not user.is_superuser:
            raise BadInput(f"{name} is an account without admin rights. Choose another name.")
        user = user or User(username=name, is_staff=True, is_superuser=True)
        try:
            user.full_clean(exclude=["password"])
            validate_password(password, user)
        except ValidationError as error:
            raise BadInput(" ".join(error.messages)) from None
        user.set_password(password)
        user.is_staff = user.is_active = True
        user.save()
        Secret.objects.filter(name=_ROW).delete()
        audit.record("user.password", actor=actor, subject=f"user:{user.pk}", username=user.username)
    return user


def check_first_login(token: str) -> User:
    """Return the account a link is for; NotAllowed when it is unknown, used, replaced or too old."""
    try:
        _signer().unsign(token, max_age=LINK_SECONDS)
    except BadSignature:
        raise NotAllowed("This link does not work any more. Restart clawsite for a new one.") from None
    row = Secret.objects.filter(name=_ROW).first()
    data: dict[str, Any] = json.loads(row.value) if row else {"hash": "", "user": 0}
    user = User.objects.filter(pk=data["user"], is_active=True).first()
    if user is None or not same_secret(_hash(token), data["hash"]):
        raise NotAllowed("This link does not work any more. Restart clawsite for a new one.")
    return user


def is_settled(token: str) -> bool:
    """Tell whether a link that we made, however long ago, is not needed any more: an admin has a password.

    Nobody learns this who was never given a link.
    """
    try:
        _signer().unsign(token)
    except BadSignature:
        return False
    admins = User.objects.filter(is_superuser=True, is_active=True)
    return any(admin.has_usable_password() for admin in admins)


def set_first_password(token: str, *, password: str) -> User:
    """Give the account its password and use the link up; BadInput when the password is too weak."""
    with transaction.atomic():
        Secret.objects.select_for_update().filter(name=_ROW).first()
        user = check_first_login(token)
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise BadInput(" ".join(error.messages)) from None
        if not Secret.objects.filter(name=_ROW).delete()[0]:
            raise NotAllowed("This link does not work any more. Restart clawsite for a new one.")
        user.set_password(password)
        user.save(update_fields=["password"])
        audit.record("user.first_login", actor=f"user:{user.pk}", subject=f"user:{user.pk}")
    return user


def _signer() -> TimestampSigner:
    return TimestampSigner(salt=_SALT)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
