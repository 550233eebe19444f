"""What can be done with second factors: set up, check, renew, take away. Everything is audited."""

from __future__ import annotations

import hashlib
import math
import secrets
from base64 import b32encode
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from clawsite.core import audit
from clawsite.core.errors import BadInput
from clawsite.core.models import User
from clawsite.models import Authenticator, RecoveryCode

CODES = 10
# A picture that was shown longer ago may have been seen by others.
SETUP_SECONDS = 3600
_CODE_BYTES = 10
_GROUP = 4


def is_required() -> bool:
    """Tell whether nobody comes in without a second factor."""
    return bool(settings.CLAW_ADMIN_OTP)


def has_factor(user: User) -> bool:
    """Tell whether an account has a second factor."""
    return Authenticator.objects.filter(user=user, confirmed=True).exists()


def count_codes(user: User) -> int:
    """Return how many recovery codes are left."""
    return RecoveryCode.objects.filter(user=user).count()


def begin_setup(user: User) -> Authenticator:
    """Return the app that is being set up, a new one when there is none of late; it counts for nothing yet."""
    rows = Authenticator.objects.filter(user=user, confirmed=False)
    rows.filter(created_at__lt=timezone.now() - timedelta(seconds=SETUP_SECONDS)).delete()
    return rows.get_or_create(user=user, confirmed=False, defaults={"name": "app"})[0]


def finish_setup(user: User, code: str, *, origin: str) -> list[str]:
    """Make the app that is being set up the second factor and return new recovery codes; BadInput for a wrong code.

    Ends all sessions of the account.
    """
    with transaction.atomic():
        device = _locked(user, confirmed=False)
        wait = _seconds_to_wait(device)
        right = not wait and device is not None and device.verify_token(_digits(code))
        if right and device is not None:
            Authenticator.objects.filter(user=user, confirmed=True).delete()
            Authenticator.objects.filter(pk=device.pk).update(confirmed=True)
            codes = _new_codes(user)
            _end_sessions(user)
            audit.record("user.second_factor_on", actor=_name(user), subject=_name(user), origin=origin)
    if wait:
        raise _too_early(wait)
    if not right:
        raise BadInput(_("This is not the code that the app shows now."))
    return codes


def check_code(user: User, text: str, *, origin: str) -> None:
    """Use up one code of the app or one recovery code; BadInput says why it does not count. A try costs time."""
    with transaction.atomic():
        device = _locked(user, confirmed=True)
        wait = _seconds_to_wait(device)
        by_app = not wait and _is_app_code(text) and device is not None and device.verify_token(_digits(text))
        by_paper = not wait and not by_app and _use_recovery_code(user, device, text)
    if by_paper:
        audit.record("login.recovery_code", actor=_name(user), subject=_name(user), origin=origin)
    elif wait:
        raise _too_early(wait)
    elif not by_app:
        audit.record("login.code_failed", actor="anonymous", subject=_name(user), origin=origin)
        raise BadInput(_("This code is wrong, or it was used before."))


def renew_codes(user: User, *, origin: str) -> list[str]:
    """Return new recovery codes in place of the old."""
    with transaction.atomic():
        codes = _new_codes(user)
        audit.record("user.recovery_codes", actor=_name(user), subject=_name(user), origin=origin)
    return codes


def remove_factor(user: User, *, actor: str, origin: str = "") -> bool:
    """Take the second factor and the recovery codes away and end all sessions; False when there was none."""
    with transaction.atomic():
        count = Authenticator.objects.filter(user=user).delete()[0] + RecoveryCode.objects.filter(user=user).delete()[0]
        if count:
            _end_sessions(user)
            audit.record("user.second_factor_off", actor=actor, subject=_name(user), origin=origin)
    return bool(count)


def _locked(user: User, *, confirmed: bool) -> Authenticator | None:
    return Authenticator.objects.select_for_update().filter(user=user, confirmed=confirmed).first()


def _seconds_to_wait(device: Authenticator | None) -> int:
    if device is None:
        return 0
    allowed, why = device.verify_is_allowed()
    return 0 if allowed else max(1, math.ceil((why["locked_until"] - timezone.now()).total_seconds()))


def _too_early(wait: int) -> BadInput:
    text = ngettext(
        "Please wait {seconds} second before the next try.", "Please wait {seconds} seconds before the next try.", wait
    )
    return BadInput(text.format(seconds=wait))


def _use_recovery_code(user: User, device: Authenticator | None, text: str) -> bool:
    """Use a recovery code up. A wrong one makes the app wait, too: both are one door."""
    if device is None or _is_app_code(text):
        return False
    used = bool(RecoveryCode.objects.filter(user=user, digest=_digest(text)).delete()[0])
    if used:
        device.throttle_reset()
    else:
        device.throttle_increment()
    return used


def _new_codes(user: User) -> list[str]:
    RecoveryCode.objects.filter(user=user).delete()
    codes = [b32encode(secrets.token_bytes(_CODE_BYTES)).decode("ascii").lower() for _each in range(CODES)]
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=_digest(code)) for code in codes)
    return ["-".join(_grouped(code)) for code in codes]


def _grouped(code: str) -> Iterable[str]:
    return (code[start : start + _GROUP] for start in range(0, len(code), _GROUP))


def _digest(text: str) -> str:
    bare = "".join(char for char in text.lower() if char.isalnum())
    return hashlib.sha256(bare.encode()).hexdigest()


def _digits(text: str) -> str:
    return "".join(text.split())


def _is_app_code(text: str) -> bool:
    return _digits(text).isdecimal()


def _end_sessions(user: User) -> None:
    """Change what every session of the account is bound to."""
    user.login_stamp = secrets.token_hex(16)
    user.save(update_fields=["login_stamp"])


def _name(user: User) -> str:
    return f"user:{user.pk}"
