"""Statements worth keeping about a session: remembered once, corrected by superseding, forgotten for good.

Invariants: every query names the session, so nothing of one session reaches another; a statement is active once, also
when threads and processes race; secrets are refused; what was forgotten leaves no text behind, older versions included.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from clawsite.core.errors import BadInput
from guardrails.secrets import find_secrets
from sessions_app import search
from sessions_app.models import Fact, Session
from sessions_app.statements import as_of_user, count_met, fold, is_same_statement, key_words, subject_key
from sessions_app.tokens import estimate

KINDS = ("permanent", "durable", "ephemeral")
ORIGINS = ("extracted", "tool", "command")
MAX_ACTIVE = 500
MAX_CHARS = 500
RECALL_LIMIT, RECALL_TOKENS = 5, 300
FORGET_AT_ONCE = 5
HALF_LIFE_DAYS = 30.0
EPHEMERAL_DAYS = 7
FORGOTTEN_TEXT = "(forgotten)"


@dataclass(frozen=True, kw_only=True, slots=True)
class FactPage:
    """One page of a session's facts, newest first. Pages count from 1."""

    items: tuple[Fact, ...]
    page: int
    pages: int
    total: int


def _active(session: Session) -> QuerySet[Fact]:
    unexpired = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return Fact.objects.filter(unexpired, session_id=session.pk, state=Fact.State.ACTIVE)


def remember(
    session: Session,
    text: str,
    *,
    kind: str = "durable",
    origin: str = "extracted",
    source_seq: int | None = None,
    confidence: float = 1.0,
    author: str = "",
) -> Fact:
    """Keep a statement and return its fact: the one there is when it says the same; a correction supersedes.

    author: who said it in a group. There "my" and "the user's" are anybody's, so only what begins with this name is
    taken for a correction, and of no other person's statements.

    Raises BadInput for text that is empty, too long or a secret, and when the session remembers MAX_ACTIVE already.
    """
    clean = _clean(text)
    if kind not in KINDS or origin not in ORIGINS:
        raise BadInput(f"A fact's kind is one of {', '.join(KINDS)}, its origin one of {', '.join(ORIGINS)}.")
    norm = fold(clean)[:MAX_CHARS]
    with transaction.atomic():
        Session.objects.select_for_update().filter(pk=session.pk).first()
        same, old = _find_relatives(session, norm, author=author)
        if same is not None:
            return same
        if old is not None:
            _hide([old], Fact.State.SUPERSEDED)
        _make_room(session)
        fact = Fact.objects.create(
            session_id=session.pk,
            text=clean,
            norm=norm,
            kind=kind,
            origin=origin,
            confidence=min(max(confidence, 0.0), 1.0),
            supersedes=old,
            source_seq=source_seq,
            expires_at=timezone.now() + timedelta(days=EPHEMERAL_DAYS) if kind == "ephemeral" else None,
        )
        search.index_facts([fact])
    return fact


def _clean(text: str) -> str:
    """Return the statement as one line of visible text; BadInput when it cannot be kept."""
    clean = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    if not clean or not fold(clean):
        raise BadInput(_("There is nothing to remember."))
    if len(clean) > MAX_CHARS:
        raise BadInput(_("That is too long to remember: {limit} characters at most.").format(limit=MAX_CHARS))
    if find_secrets(clean):
        raise BadInput(_("That looks like a password or key. I do not keep secrets."))
    return clean


def _find_relatives(session: Session, norm: str, *, author: str) -> tuple[Fact | None, Fact | None]:
    """Return the active fact that says the same, and the one that this statement corrects."""

    def key_of(folded: str) -> str:
        return subject_key(as_of_user(folded, author) if session.kind == Session.Kind.GROUP else folded)

    key = key_of(norm)
    corrected = None
    for fact in Fact.objects.filter(session_id=session.pk, state=Fact.State.ACTIVE).order_by("-id"):
        if is_same_statement(fact.norm, norm):
            if fact.expires_at is None or fact.expires_at > timezone.now():
                return fact, None
            corrected = fact
        elif key and corrected is None and key_of(fact.norm) == key:
            corrected = fact
    return None, corrected


def _make_room(session: Session) -> None:
    """Drop what has expired; BadInput when the session still remembers as much as it may."""
    now = timezone.now()
    held = Fact.objects.filter(session_id=session.pk, state=Fact.State.ACTIVE)
    _hide(held.filter(expires_at__lte=now), Fact.State.FORGOTTEN)
    if held.count() >= MAX_ACTIVE:
        raise BadInput(
            _("I already remember {limit} facts here, which is my limit. Forget some first.").format(limit=MAX_ACTIVE)
        )


def _hide(facts: Iterable[Fact], state: str) -> None:
    """Take facts out of sight. The text of forgotten ones goes, with that of everything they superseded."""
    ids = [fact.pk for fact in facts]
    if not ids:
        return
    search.unindex_facts(ids)
    rows = Fact.objects.filter(pk__in=ids)
    if state != Fact.State.FORGOTTEN:
        rows.update(state=state)
        return
    rows.update(state=state, text=FORGOTTEN_TEXT, norm="")
    older = Fact.objects.filter(pk__in=rows.values("supersedes_id"), state=Fact.State.SUPERSEDED)
    _hide(list(older), state)


def forget(session: Session, query_or_id: str | int) -> list[Fact]:
    """Forget the fact with that id, or those with every word of the query. Returns them as they were, or [].

    Raises BadInput when a query means more than FORGET_AT_ONCE facts: then a person should say which.
    """
    with transaction.atomic():
        found = _find_for_forgetting(session, str(query_or_id).strip())
        if len(found) > FORGET_AT_ONCE:
            raise BadInput(
                _("That fits {count} facts. Say it more exactly, or give the number of one of them.").format(
                    count=len(found)
                )
            )
        _hide(found, Fact.State.FORGOTTEN)
    return found


def _find_for_forgetting(session: Session, query: str) -> list[Fact]:
    number = query.lstrip("#")
    if number.isascii() and number.isdecimal() and len(number) < 19:
        return list(_active(session).filter(pk=int(number)))
    norm = fold(query)
    exact = list(_active(session).filter(norm=norm)) if norm else []
    if exact:
        return exact
    words = key_words(norm)
    found = _active(session).filter(search.matches(session.pk, words, every=True))
    return [fact for fact in found if count_met(words, fact.norm) == len(words)]


def recall(session: Session, query: str, *, limit: int = RECALL_LIMIT) -> list[Fact]:
    """Return the facts that fit a question best, RECALL_TOKENS of them at most, and note that they were used."""
    words = key_words(fold(query))
    rows = _active(session).filter(search.matches(session.pk, words))[: search.CANDIDATES]
    facts = _take(_rank(rows, words), limit=limit)
    Fact.objects.filter(pk__in=[fact.pk for fact in facts]).update(used_at=timezone.now())
    return facts


_RELEVANT = """
SELECT id, text, norm, kind, confidence, created_at, CASE WHEN id IN ({matches}) THEN 1 ELSE 0 END AS fits
FROM sessions_app_fact
WHERE session_id = %s AND state = 'active' AND (expires_at IS NULL OR expires_at > %s)
  AND (kind = 'permanent' OR id IN ({matches}))
ORDER BY fits DESC, id DESC LIMIT {limit}
"""


def find_relevant(session: Session, text: str, *, limit: int = RECALL_LIMIT) -> list[Fact]:
    """Return what a prompt should know: facts that fit the message, then standing (permanent) ones. One query.

    On the way of every message, so written in SQL: the same through the ORM took most of composing a prompt.
    """
    words = key_words(fold(text))
    matches, params = search.select_matches(session.pk, words)
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    sql = _RELEVANT.format(matches=matches, limit=2 * search.CANDIDATES)
    found = list(Fact.objects.raw(sql, [*params, session.pk, now, *params]))
    ranked = _rank(found, words)
    standing = [fact for fact in found if fact.kind == "permanent" and fact not in ranked]
    return _take([*ranked, *standing], limit=limit)


def _rank(facts: Iterable[Fact], words: Sequence[str]) -> list[Fact]:
    """Return the facts that fit at all, best first; of equals the newer one."""
    now = timezone.now()
    scored = [(score(fact, words, now=now), fact.pk, fact) for fact in facts]
    return [fact for points, _pk, fact in sorted(scored, reverse=True, key=lambda each: each[:2]) if points > 0]


def score(fact: Fact, words: Sequence[str], *, now: datetime) -> float:
    """Return 0 to 1: each further word of the question halves what is missing; age costs up to two fifths.

    Depends on nothing but this fact and the question, so no other session's facts can be felt in it.
    """
    met = count_met(words, fact.norm)
    age = max(0.0, (now - fact.created_at) / timedelta(days=1))
    freshness = 1.0 if fact.kind == "permanent" else 0.5 ** (age / HALF_LIFE_DAYS)
    return (1 - 0.5**met) * (0.6 + 0.4 * freshness) * (0.5 + 0.5 * fact.confidence)


def _take(facts: Iterable[Fact], *, limit: int) -> list[Fact]:
    taken: list[Fact] = []
    spent = 0
    for fact in facts:
        spent += estimate(fact.text) + 2
        if len(taken) == limit or spent > RECALL_TOKENS:
            break
        taken.append(fact)
    return taken


def list_facts(session: Session, *, page: int = 1, size: int = 10) -> FactPage:
    """Return one page of what is remembered; a page that does not exist is the nearest one that does."""
    rows = _active(session).order_by("-id")
    total = rows.count()
    pages = max(1, -(-total // size))
    page = min(max(page, 1), pages)
    return FactPage(items=tuple(rows[(page - 1) * size : page * size]), page=page, pages=pages, total=total)
