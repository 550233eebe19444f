"""An installation with one row of every section."""

from __future__ import annotations

from datetime import date, time

from clawsite.core import flags
from clawsite.core.models import FeatureFlag
from guardrails.types import Actor, Role
from runbooks.books import read_book, save_book
from runbooks.models import (
    AlertSubscription,
    EscalationPolicy,
    EscalationStep,
    MonitoredSystem,
    NamedQuery,
    Responder,
    Rota,
    Schedule,
    Shift,
)
from runbooks.schedules import save_schedule
from runbooks.sources.credentials import change
from sessions_app.models import Channel, Contact, GroupAccess, Session
from sessions_app.prompts.layers import ensure_layers

ALICE = Actor(subject="user:1", role=Role.ADMIN, name="Alice")
TOKEN = "123456789:AAEsecretTokenOfTheChannel_0123456789"
CREDENTIAL = "Bearer-of-the-shop-0123456789"
BOOK = """\
name: restart-api
title: Restart the API
steps:
  - title: Say it
    kind: message
    with: {text: Restarting}
"""


def make_everything() -> None:
    """Make it."""
    ensure_layers()
    flags.ensure_rows()
    FeatureFlag.objects.filter(name="charts").update(people_off=["user:9"], percent="12.5")
    channel = Channel.objects.create(kind="telegram", name="bot", token=TOKEN, config={"mode": "polling"})
    alice = Contact.objects.create(channel=channel, external_id="7", name="Alice", state="approved", role="admin")
    Contact.objects.create(channel=channel, external_id="8", name="Charlie")
    group = GroupAccess.objects.create(channel=channel, chat_id="-100", title="Team", allowed=True)
    group.members.add(alice)
    shop = MonitoredSystem.objects.create(
        name="shop",
        prometheus_url="http://prometheus.example.org",
        credentials=change("", {"prometheus": CREDENTIAL}),
    )
    NamedQuery.objects.create(system=shop, name="tx", title="Sales", promql="rate(tx[5m])", words=["sales", "vendas"])
    person = Responder.objects.create(name="alice", contact=alice, quiet_from=time(22), quiet_until=time(7))
    rota = Rota.objects.create(name="primary", time_zone="America/Sao_Paulo")
    Shift.objects.create(
        rota=rota, responder=person, days=["monday"], starts=time(8), ends=time(20), first_day=date(2026, 1, 5)
    )
    policy = EscalationPolicy.objects.create(name="payments", system=shop, matchers=["team=payments"])
    EscalationStep.objects.create(policy=policy, order=1, after_minutes=5, rota=rota)
    session = Session.objects.create(channel=channel, chat_id="-100", kind="group", title="Team")
    AlertSubscription.objects.create(session=session, least="critical", system=shop, matchers=["env=prod"])
    save_book(read_book(BOOK), actor=ALICE)
    row = Schedule(name="every night / at two", kind="selftest", params={"events": 2}, cron="0 2 * * *")
    save_schedule(row, actor=ALICE)
