"""The notice after a restore: a card in the direct chat of each admin, which bots bring there when they run again."""

from __future__ import annotations

from django.db import transaction

from clawsite.core import audit
from runbooks.feedback.weekly import admin_chats
from sessions_app.cards import put_card

CARD = "restored"


def tell_admins(name: str, created_at: str) -> int:
    """Record the restore and have the admins told; return how many chats that is."""
    with transaction.atomic():
        audit.record("backup.restore", actor="system", subject=f"backup:{name}", created_at=created_at)
        chats = admin_chats()
        for number in chats:
            put_card(f"restored:{name}:{number}", session_id=number, kind=CARD, data={"created_at": created_at})
    return len(chats)
