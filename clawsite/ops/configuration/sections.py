"""Which rows are configuration, in the order in which they may refer to each other.

`nouns` are the first words of the actions in the audit log after which a folder is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q

from clawsite.core import audit
from clawsite.core.errors import BadInput
from clawsite.core.features import FEATURES
from clawsite.core.models import FeatureFlag
from clawsite.ops.configuration.section import Children, Document, Ref, Section
from guardrails.types import Actor
from runbooks import books
from runbooks.books.spec import BookError, convert_book, to_json
from runbooks.models import (
    AlertSubscription,
    EscalationPolicy,
    EscalationStep,
    MonitoredSystem,
    NamedQuery,
    Responder,
    Rota,
    Runbook,
    Schedule,
    Shift,
)
from runbooks.schedules import save_schedule
from sessions_app.contacts import approve_contact, block_contact
from sessions_app.models import Channel, Contact, GroupAccess, PromptLayer, Session

ORIGIN = "config"
CHANNEL = Ref(model=Channel)
CONTACT = Ref(model=Contact, by=("channel__name", "external_id"))
SESSION = Ref(model=Session, by=("channel__name", "chat_id", "thread_id"))
SYSTEM = Ref(model=MonitoredSystem)
RESPONDER = Ref(model=Responder)
ROTA = Ref(model=Rota)


def _save_channel(row: Channel, actor: Actor) -> None:
    """Leave a new account off until somebody has entered its token, where its kind needs one."""
    if row._state.adding and row.kind not in ("webchat", "gateway"):
        row.enabled = False
    row.save()


def _save_contact(row: Contact, actor: Actor) -> None:
    """Change rights through the actions for that: each is audited for itself, and open connections hear of it."""
    known = Contact.objects.filter(pk=row.pk).first()
    state, role = row.state, row.role
    if known is None:
        row.save()  # a new machine greets nobody: they know us from the old one
        audit.record("contact.import", actor=actor.subject, subject=row.subject, origin=ORIGIN, state=state, role=role)
        return
    row.state = known.state
    row.save()
    if (known.state, known.role) == (state, role):
        return
    if state == Contact.State.APPROVED:
        approve_contact(row, actor=actor, role=role, origin=ORIGIN)
    elif state == Contact.State.BLOCKED:
        block_contact(row, actor=actor, origin=ORIGIN)
    elif row.state != state:
        raise BadInput("state: a person is approved or blocked; only a new one waits.")


def _save_schedule(row: Schedule, actor: Actor) -> None:
    save_schedule(row, actor=actor, origin=ORIGIN)


class People(Section):
    """People somebody has decided about. Of those who talk where anybody may, only who has a part in something."""

    def rows(self) -> Sequence[Any]:
        """Return them, with what they refer to."""
        anybody = Q(state=Contact.State.APPROVED, role=Contact.RoleChoice.VIEWER, channel__access=Channel.Access.OPEN)
        woken, listed = Responder.objects.all(), GroupAccess.objects.filter(members__isnull=False)
        has_part = Q(pk__in=woken.values("contact")) | Q(pk__in=listed.values("members")) | Q(user__isnull=False)
        found = Contact.objects.exclude(state=Contact.State.PENDING).filter(~anybody | has_part)
        return list(found.select_related(*self.refs).order_by("pk"))


class Books(Section):
    """Runbooks, which have a form of YAML and checks of their own."""

    def show(self, row: Any) -> Document:
        """Return a runbook as its YAML has it."""
        found: Document = to_json(books.to_book(row))
        return found

    def take(self, document: Document, *, actor: Actor) -> bool:
        """Save a runbook through its action, which checks it."""
        try:
            book = convert_book(document)
        except BookError as error:
            raise BadInput(error.message) from None
        row = self.model._default_manager.filter(name=book.name).first()
        if row is not None and self.has_taken(row, document):
            return False
        books.save_book(book, actor=actor, origin=ORIGIN)
        return True

    def has_taken(self, row: Any, document: Document) -> bool:
        """Tell whether a runbook is as a document says, with what that leaves to the defaults; a broken one is not."""
        try:
            return bool(self.show(row) == to_json(convert_book(document)))
        except BookError:
            return False


class Schedules(Section):
    """Schedules. One that came once and is over stays off, whatever a file from before that says."""

    def take(self, document: Document, *, actor: Actor) -> bool:
        """Make the row what a document says, as far as that can be still."""
        return super().take(self._as_it_ended(self.find(document), document), actor=actor)

    def has_taken(self, row: Any, document: Document) -> bool:
        """Tell whether a row is as a document says, as far as that can be still."""
        return super().has_taken(row, self._as_it_ended(row, document))

    def _as_it_ended(self, row: Schedule | None, document: Document) -> Document:
        over = row is not None and row.when == Schedule.When.AT and not row.enabled and row.last_due == row.at
        same = over and all(name in document and self._is_same(row, name, document[name]) for name in ("when", "at"))
        return document | {"enabled": False} if same else document


SECTIONS: Sequence[Section] = (
    Section(
        name="channels",
        model=Channel,
        key=("name",),
        fields=("kind", "enabled", "access", "config"),
        nouns=("channel",),
        save=_save_channel,
    ),
    People(
        name="people",
        model=Contact,
        key=("channel", "external_id"),
        fields=("name", "username", "language", "state", "role"),
        refs={"channel": CHANNEL},
        nouns=("contact",),
        save=_save_contact,
    ),
    Section(
        name="groups",
        model=GroupAccess,
        key=("channel", "chat_id"),
        fields=("title", "allowed"),
        refs={"channel": CHANNEL},
        many={"members": CONTACT},
        nouns=("group",),
    ),
    Section(
        name="prompts",
        model=PromptLayer,
        key=("key",),
        fields=("title", "priority", "budget", "enabled", "text"),
        nouns=("promptlayer",),
    ),
    Section(
        name="features",
        model=FeatureFlag,
        key=("name",),
        fields=("everyone", "percent", "people_on", "people_off", "channels_on", "channels_off", "note"),
        nouns=("feature",),
        where={"name__in": list(FEATURES)},
    ),
    Section(
        name="systems",
        model=MonitoredSystem,
        key=("name",),
        fields=("title", "enabled", "labels", "health_url", "stats_url", "prometheus_url", "alertmanager_url"),
        children=(
            Children(
                name="queries",
                model=NamedQuery,
                parent="system",
                key="name",
                fields=("name", "title", "promql", "unit", "words", "watched", "briefing"),
            ),
        ),
        nouns=("monitoredsystem", "namedquery"),
        removable=True,
    ),
    Section(
        name="responders",
        model=Responder,
        key=("name",),
        fields=("quiet_from", "quiet_until", "enabled"),
        refs={"contact": CONTACT},
        nouns=("responder",),
        removable=True,
    ),
    Section(
        name="rotas",
        model=Rota,
        key=("name",),
        fields=("time_zone",),
        children=(
            Children(
                name="shifts",
                model=Shift,
                parent="rota",
                fields=("days", "starts", "ends", "every_weeks", "first_day", "last_day"),
                refs={"responder": RESPONDER},
            ),
        ),
        nouns=("rota",),
        removable=True,
    ),
    Section(
        name="policies",
        model=EscalationPolicy,
        key=("name",),
        fields=("order", "enabled", "least", "matchers", "repeats", "remind_minutes"),
        refs={"system": SYSTEM},
        children=(
            Children(
                name="steps",
                model=EscalationStep,
                parent="policy",
                fields=("order", "after_minutes"),
                refs={"rota": ROTA, "responder": RESPONDER},
            ),
        ),
        nouns=("escalationpolicy",),
        removable=True,
    ),
    Section(
        name="chats",
        model=Session,
        key=("channel", "chat_id", "thread_id"),
        fields=("kind", "title"),
        refs={"channel": CHANNEL},
        children=(
            Children(
                name="subscriptions",
                model=AlertSubscription,
                parent="session",
                fields=("least", "matchers", "quiet_from", "quiet_until", "enabled"),
                refs={"system": SYSTEM},
            ),
        ),
        nouns=("alertsubscription", "alerts"),
        where={"pk__in": AlertSubscription.objects.values("session_id")},
    ),
    Books(name="runbooks", model=Runbook, key=("name",), nouns=("runbook",), removable=True),
    Schedules(
        name="schedules",
        model=Schedule,
        key=("name",),
        fields=(
            "description",
            "kind",
            "params",
            "when",
            "cron",
            "time_zone",
            "every_seconds",
            "at",
            "missed",
            "late_minutes",
            "enabled",
        ),
        nouns=("schedule",),
        removable=True,
        save=_save_schedule,
    ),
)
NOUNS = frozenset(noun for section in SECTIONS for noun in section.nouns) | {"config"}
