"""Accounts and tokens: whether they can be read, are refused, or end soon; and where Telegram posts to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from bots.probe import probe_channel, probe_webhook
from clawsite.core.crypto import LostSecret, current_keys
from clawsite.core.errors import BadInput, ClawError
from clawsite.core.rotation import encrypted_columns
from clawsite.models import GatewayToken
from clawsite.ops.doctor.finding import Finding, bad, fine, note, warn
from sessions_app.channels import TELEGRAM
from sessions_app.models import Channel, Inbox

AREA = "channels"
TOKENS = "tokens"
SOON = timedelta(days=7)
UNUSED = timedelta(days=90)
# More than this waits at Telegram only when nobody takes it.
WAITING = 100
RECENT = timedelta(hours=1)


def examine() -> Iterator[Finding]:
    """Ask each platform in use who the account is, and where it delivers to."""
    rows = list(Channel.objects.filter(enabled=True, kind=TELEGRAM))
    for row in rows:
        try:
            identity = probe_channel(row)
        except ClawError as error:
            make = bad if isinstance(error, BadInput) else warn
            yield make(AREA, f"{row.name}: {error.message}", f"Try it again: manage.py channel test {row.name}")
            continue
        yield fine(AREA, f"{row.name}: {identity.sentence}")
        yield from _webhook(row)
    if not rows:
        yield note(AREA, "There is no account of a platform to ask.")


def _webhook(row: Channel) -> Iterator[Finding]:
    """Compare what Telegram knows with what is wanted here."""
    try:
        info = probe_webhook(row)
    except ClawError as error:
        yield warn(AREA, f"{row.name}: {error.message}", "Telegram did not say where it posts to; try again.")
        return
    yield from judge_webhook(row, info)


def judge_webhook(row: Channel, info: Mapping[str, Any]) -> Iterator[Finding]:
    """Say what is wrong with an answer of getWebhookInfo."""
    url, posts = str(info.get("url") or ""), (row.config.get("mode") or settings.TELEGRAM_MODE) == "webhook"
    wanted = f"{settings.CLAW_PUBLIC_URL}/webhook/{row.kind}/{row.pk}"
    if posts and url != wanted:
        yield bad(
            AREA,
            f"{row.name}: Telegram posts to {url or 'nowhere'}, not to {wanted}.",
            "Restart bots, which enters the address; and check CLAW_PUBLIC_URL.",
        )
    if not posts and url:
        yield bad(
            AREA,
            f"{row.name}: Telegram posts to {url}, so polling gets nothing. Somebody else may use this bot.",
            "bots takes it back when it polls; if it comes again, make a new token with BotFather.",
        )
    failed_at = datetime.fromtimestamp(float(info.get("last_error_date") or 0), UTC)
    if posts and timezone.now() - failed_at < RECENT and not _has_come_since(row, failed_at):
        text = str(info.get("last_error_message") or "unknown")[:200]
        yield bad(AREA, f"{row.name}: Telegram could not post: {text}", "Mend what it says: name, certificate, port.")
    if int(info.get("pending_update_count") or 0) > WAITING:
        yield warn(AREA, f"{row.name}: {info['pending_update_count']} updates wait at Telegram.", "Does bots run?")


def _has_come_since(row: Channel, moment: datetime) -> bool:
    """Tell whether Telegram could post later: it names its last error for ever, such as that of a restart."""
    return Inbox.objects.filter(channel=row, received_at__gt=moment).exists()


def examine_tokens() -> Iterator[Finding]:
    """Look at what is stored of secrets, and at tokens of programs."""
    lost = list(_lost_secrets())
    if lost:
        yield bad(
            TOKENS,
            f"No key opens the secrets of {', '.join(lost)}.",
            "Restore encryption.key from a backup, or enter them anew in the admin.",
        )
    now, live = timezone.now(), GatewayToken.objects.live()
    for token in live.filter(expires_at__lt=now + SOON, replaced_by=None):
        yield warn(
            TOKENS,
            f"Token {token} ends on {token.expires_at:%Y-%m-%d}.",
            f"Run: manage.py token rotate {token.pk}",
        )
    idle = live.filter(created_at__lt=now - UNUSED).exclude(last_used_at__gte=now - UNUSED).count()
    if idle:
        yield note(TOKENS, f"Tokens that were not used for 90 days: {idle}.", "Revoke them: manage.py token list")
    if not lost:
        yield fine(TOKENS, f"Every stored secret can be read. Encryption keys: {len(current_keys())}.")


def _lost_secrets() -> Iterator[str]:
    """Yield the columns that hold a secret which no key opens."""
    for model, column in encrypted_columns():
        values = model._default_manager.values_list(column, flat=True).iterator(chunk_size=200)
        if any(isinstance(value, LostSecret) for value in values):
            yield f"{model._meta.verbose_name} ({column})"
