"""The list of sessions, paged in the database and kept as bytes for as long as nothing in it changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import msgspec
from django.db.models import Q, QuerySet
from django.utils import timezone

from clawsite.gateway.access import visible_sessions
from clawsite.gateway.hot import HotAnswer
from clawsite.gateway.overview import AGENT, database_path
from clawsite.gateway.registry import Params
from clawsite.gateway.rows import defaults, describe_sessions
from clawsite.gateway.telling import now_ms
from sessions_app.models import Session

LIMIT, MAX_LIMIT = 100, 500


class ListParams(Params):
    """Newest first. `search` looks in titles and chat ids. What there is nothing of here has no effect."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_LIMIT)] = LIMIT
    offset: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    active_minutes: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] | None = None
    label: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    search: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    include_derived_titles: bool = False
    include_last_message: bool = False
    agent_id: str | None = None
    archived: bool | str = False
    include_global: bool | None = None
    include_unknown: bool | None = None
    include_people: bool | None = None
    configured_agents_only: bool | None = None
    require_last_interaction: bool | None = None
    sort_by: str | None = None
    owner_first: bool | None = None
    involving_me: bool | None = None
    spawned_by: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """Whose list it is: what a caller may see, and nothing else of them."""

    owner: str
    sees_all: bool


encode_params = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ListParams).decode


def build_list(view: View, encoded: bytes) -> dict[str, Any]:
    """Return the answer of sessions.list. In the database thread."""
    params = _decode(encoded)
    rows = _wanted(visible_sessions(view), params)
    total = rows.count()
    end = params.offset + params.limit
    page = list(rows.order_by("-active_at", "-pk")[params.offset : end])
    described = describe_sessions(
        page, owner=view.owner, previews=params.include_last_message, titles=params.include_derived_titles
    )
    has_more = end < total
    return {
        "ts": now_ms(),
        "path": database_path(),
        "count": len(page),
        "totalCount": total,
        "limitApplied": params.limit,
        "offset": params.offset,
        "nextOffset": end if has_more else None,
        "hasMore": has_more,
        "defaults": defaults(),
        "sessions": described,
    }


def _wanted(rows: QuerySet[Session], params: ListParams) -> QuerySet[Session]:
    if params.archived is True:
        return rows.none()
    if params.active_minutes is not None:
        rows = rows.filter(active_at__gte=timezone.now() - timedelta(minutes=params.active_minutes))
    if params.label is not None:
        rows = rows.filter(title=params.label)
    if params.search:
        rows = rows.filter(Q(title__icontains=params.search) | Q(chat_id__icontains=params.search))
    return rows


_lists = HotAnswer(build_list, topics=("session", "contact", "channel"))


def list_sessions(view: View, params: ListParams) -> Any:
    """Return the list as bytes, or something to await."""
    return _lists.get(view, encode_params(_effective(params)))


def _effective(params: ListParams) -> ListParams:
    """Return what of the parameters makes a difference: whatever else a client says, it gets the same kept answer."""
    nothing = params.agent_id not in (None, "", AGENT) or params.archived is True or bool(params.spawned_by)
    return ListParams(
        limit=params.limit,
        offset=params.offset,
        active_minutes=params.active_minutes,
        label=params.label,
        search=params.search,
        include_derived_titles=params.include_derived_titles,
        include_last_message=params.include_last_message,
        archived=nothing,
    )


def forget_lists() -> None:
    """A session was changed here: who asks next reads it."""
    _lists.touch()
