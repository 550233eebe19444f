"""A row of every model that the admin shows, with text that would do harm if a page took it for markup."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from bots.skills.declared import DeclaredTool
from clawsite.core import audit
from clawsite.core.models import AuditEvent, Lease, Process, Secret
from clawsite.gateway.tokens import create_token
from clawsite.models import GatewayDevice, GatewayToken
from guardrails.approvals import create_approval
from guardrails.models import Approval, VerdictRecord
from guardrails.types import Actor, Role
from runbooks import incidents
from runbooks.books import save_book, start_run
from runbooks.books.spec import convert_book
from runbooks.jobs import create_job
from runbooks.jobs.events import move
from runbooks.models import (
    Anomaly,
    CodeRun,
    Feedback,
    GatewayTarget,
    Incident,
    IncidentHook,
    Job,
    MonitoredSystem,
    NamedQuery,
    Project,
    Remote,
    Run,
    Runbook,
    Schedule,
    ScheduleRun,
    SystemReading,
)
from runbooks.schedules import save_schedule
from runbooks.sources.credentials import change
from sessions_app.cards import put_card
from sessions_app.contacts import issue_pairing
from sessions_app.facts import remember
from sessions_app.models import (
    Attachment,
    Card,
    Channel,
    Contact,
    Fact,
    GroupAccess,
    Inbox,
    Message,
    Outbox,
    Pairing,
    PromptLayer,
    Session,
    SessionLayer,
    Skill,
    Summary,
    ToolCall,
    Turn,
)
from sessions_app.prompts.layers import ensure_layers
from sessions_app.sessions import add_message
from tests.clawsite.admin.other_rows import make_other_rows

EVIL = "<script>alert('x')</script><img src=x onerror=alert(1)>"
TOKEN = "123456789:AAEsecretTokenOfTheChannel_0123456789"
WEBHOOK_SECRET = "webhook-secret-nobody-may-see"
SECRET = "sk-ant-secret-nobody-may-see"


@dataclass(frozen=True, kw_only=True)
class Rows:
    """One of each."""

    channel: Channel
    contact: Contact
    stranger: Contact
    pairing: Pairing
    group: GroupAccess
    session: Session
    message: Message
    fact: Fact
    turn: Turn
    inbox: Inbox
    dead: Inbox
    outbox: Outbox
    card: Card
    verdict: VerdictRecord
    approval: Approval
    layer: PromptLayer
    override: SessionLayer
    skill: Skill
    process: Process
    lease: Lease
    event: AuditEvent
    secret: Secret
    job: Job
    schedule: Schedule
    run: ScheduleRun
    token: GatewayToken
    token_secret: str
    device: GatewayDevice
    target: GatewayTarget
    incident: Incident
    book: Runbook
    book_run: Run
    system: MonitoredSystem
    query: NamedQuery
    hook: IncidentHook
    anomaly: Anomaly
    feedback: Feedback
    code: CodeRun
    remote: Remote
    alerts: dict[str, int]

    def by_model(self) -> dict[str, object]:
        """Return the primary key of a row for each model's name in the admin's addresses."""
        return {
            "sessions_app_channel": self.channel.pk,
            "sessions_app_contact": self.contact.pk,
            "sessions_app_pairing": self.pairing.pk,
            "sessions_app_groupaccess": self.group.pk,
            "sessions_app_session": self.session.pk,
            "sessions_app_message": self.message.pk,
            "sessions_app_fact": self.fact.pk,
            "sessions_app_turn": self.turn.pk,
            "sessions_app_inbox": self.dead.pk,
            "sessions_app_outbox": self.outbox.pk,
            "sessions_app_card": self.card.pk,
            "sessions_app_promptlayer": self.layer.pk,
            "sessions_app_sessionlayer": self.override.pk,
            "sessions_app_skill": self.skill.pk,
            "guardrails_verdictrecord": self.verdict.pk,
            "guardrails_approval": self.approval.pk,
            "core_process": self.process.pk,
            "core_lease": self.lease.pk,
            "core_auditevent": self.event.pk,
            "core_secret": self.secret.pk,
            "runbooks_job": self.job.pk,
            "runbooks_feedback": self.feedback.pk,
            "runbooks_coderun": self.code.pk,
            "runbooks_remote": self.remote.pk,
            "runbooks_schedule": self.schedule.pk,
            "runbooks_schedulerun": self.run.pk,
            "clawsite_gatewaytoken": self.token.pk,
            "clawsite_gatewaydevice": self.device.pk,
            "runbooks_gatewaytarget": self.target.pk,
            "runbooks_incident": self.incident.pk,
            "runbooks_runbook": self.book.pk,
            "runbooks_run": self.book_run.pk,
            "runbooks_monitoredsystem": self.system.pk,
            "runbooks_namedquery": self.query.pk,
            "runbooks_incidenthook": self.hook.pk,
            "runbooks_anomaly": self.anomaly.pk,
            **self.alerts,
        }


def make_rows() -> Rows:
    """Create everything."""
    ensure_layers()
    channel = Channel.objects.create(
        kind="telegram",
        name="bot",
        token=TOKEN,
        webhook_secret=WEBHOOK_SECRET,
        identity={"username": EVIL},
        last_error=EVIL,
        config={"mode": "polling", "api_url": "http://127.0.0.1:1", "webhook_url": "kept"},
    )
    contact = Contact.objects.create(channel=channel, external_id="7", name=EVIL, state="approved", role="admin")
    stranger = Contact.objects.create(channel=channel, external_id="8", name=f"Charlie {EVIL}")
    group = GroupAccess.objects.create(channel=channel, chat_id="-100", title=EVIL)
    session = Session.objects.create(channel=channel, chat_id="7", title=EVIL)
    inbox = _inbox(channel, "1", Inbox.State.DONE)
    asked = add_message(session.pk, role="user", text=f"hello {EVIL}", contact_id=contact.pk)
    turn = _turn(session, inbox, asked)
    add_message(session.pk, role="assistant", text=f"answer {EVIL}", data={"buttons": [[[EVIL, "ok:1", ""]]]})
    Attachment.objects.create(session=session, message_seq=asked.seq, kind="document", name=EVIL, size=2048, error=EVIL)
    Summary.objects.create(session=session, upto_seq=asked.seq, text=EVIL)
    layer = PromptLayer.objects.get(key="identity")
    job, schedule = _work()
    book, book_run = _runbook()
    process = Process.objects.create(role="bots", host="here", pid=1, started=1)
    token, token_secret = create_token("bot", scopes=["read"], actor="user:1")
    return Rows(
        alerts=make_other_rows(session, contact, evil=EVIL, secret=WEBHOOK_SECRET),
        channel=channel,
        contact=contact,
        stranger=stranger,
        pairing=issue_pairing(stranger),
        group=group,
        session=session,
        message=asked,
        fact=remember(session, "The user likes <b>tea</b>"),
        turn=turn,
        inbox=inbox,
        dead=_inbox(channel, "2", Inbox.State.DEAD),
        outbox=_outbox(channel, session),
        card=put_card("made", kind="text", data={"text": EVIL}, session_id=session.pk),
        verdict=VerdictRecord.objects.create(
            stage="input", rule="injection.override", action="warn", detail=EVIL, session_ref=session.ref, trace_id="t1"
        ),
        approval=create_approval("test", subject_hash="0" * 64, summary=f"Delete {EVIL}", requested_by=contact.subject),
        layer=layer,
        override=SessionLayer.objects.create(session=session, layer=layer, text=EVIL),
        skill=_skill(),
        process=process,
        lease=Lease.objects.create(name="lane:1/7/", owner=process),
        event=audit.record("channel.change", actor="user:1", subject=f"channel:{channel.pk}", fields=[EVIL]),
        secret=Secret.objects.create(name="ANTHROPIC_API_KEY", value=SECRET),
        job=job,
        schedule=schedule,
        run=ScheduleRun.objects.create(schedule=schedule, due_at=timezone.now(), outcome="failed", error=EVIL, job=job),
        token=token,
        token_secret=token_secret,
        device=_device(),
        target=GatewayTarget.objects.create(
            name="far", ws_url="ws://127.0.0.1:9", http_url=EVIL, token=SECRET, labels=[EVIL], last_error=EVIL
        ),
        incident=_incident(),
        book=book,
        book_run=book_run,
        system=(system := _system()),
        query=NamedQuery.objects.create(system=system, name="q", title=EVIL, promql=EVIL, words=[EVIL]),
        hook=IncidentHook.objects.create(name="tickets", url="http://127.0.0.1:1", secret=SECRET, last_error=EVIL),
        anomaly=_anomaly(),
        feedback=Feedback.objects.create(job=job, subject="contact:1", name=EVIL, good=False, reason=EVIL),
        code=_code(job),
        remote=_remote(),
    )


def _code(job: Job) -> CodeRun:
    project = Project.objects.create(key="evil", name="evil", owner="contact:1", type=EVIL[:32])
    ToolCall.objects.create(job_key=job.key, call_id="1", tool="read_file", arguments={"path": EVIL}, result=EVIL)
    return CodeRun.objects.create(
        project=project,
        job=job,
        request=EVIL,
        requested_by="contact:1",
        requested_name=EVIL,
        summary=EVIL,
        notice=EVIL,
        files=[[EVIL, 1, 2]],
        tests={"state": "failed", "note": EVIL, "sha": "", "seconds": 1.0},
        outcome="kept",
        reason="tests",
    )


def _anomaly() -> Anomaly:
    now = timezone.now()
    return Anomaly.objects.create(
        system=MonitoredSystem.objects.create(name="watched", title=EVIL),
        query="tx",
        title=EVIL,
        unit="/min",
        series="0" * 32,
        labels={"merchant": EVIL},
        kind=Anomaly.Kind.DROP,
        started_at=now - timedelta(hours=1),
        seen_at=now,
        robust=-8.7,
    )


def _system() -> MonitoredSystem:
    system = MonitoredSystem.objects.create(
        name="guardian", title=EVIL, labels={"a": EVIL}, health_url=EVIL, credentials=change("", {"system": SECRET})
    )
    SystemReading.objects.create(system=system, source="health", data={"status": EVIL}, error=EVIL)
    return system


def _runbook() -> tuple[Runbook, Run]:
    actor = Actor(subject="user:9", role=Role.ADMIN, name=EVIL)
    steps = [{"title": EVIL, "kind": "message", "with": {"text": EVIL}}]
    made = {"name": "evil", "title": EVIL, "description": EVIL, "target": EVIL[:100], "steps": steps}
    book = save_book(convert_book(made), actor=actor)
    run = start_run("evil", {}, actor=actor)
    move(run.job_id, source=["queued"], to="failed", error=EVIL, note={"text": EVIL})
    return book, run


def _incident() -> Incident:
    actor = Actor(subject="user:9", role=Role.ADMIN, name=EVIL)
    incident = incidents.open_incident(EVIL, actor=actor, severity="P1")
    incidents.note(incident.pk, EVIL[:16], EVIL, actor)
    return incident


def _skill() -> Skill:
    tool = DeclaredTool(name="look", description=EVIL, effect="read", command="status")
    return Skill.objects.create(
        name="evil",
        description=EVIL,
        license=EVIL,
        body=EVIL,
        metadata={EVIL: EVIL},
        tools=[tool.to_json()],
        files=[{"name": EVIL, "size": 1}],
        findings=[EVIL],
        digest="0" * 64,
        off_reason=EVIL,
        source=EVIL,
    )


def _device() -> GatewayDevice:
    return GatewayDevice.objects.create(
        device_id="d" * 64,
        public_key="k",
        name=EVIL[:64],
        platform=EVIL[:64],
        code="ABCD2345",
        request_id="r1",
        requested_role="operator",
        requested_scopes=["operator.read"],
        expires_at=timezone.now() + timedelta(hours=1),
    )


def _work() -> tuple[Job, Schedule]:
    actor = Actor(subject="user:9", role=Role.ADMIN)
    job = create_job("selftest", params={"echo": EVIL}, actor=actor)
    move(job.pk, source=["created"], to="failed", error=EVIL, note={"text": EVIL}, result={"text": EVIL})
    schedule = save_schedule(
        Schedule(name=f"s {EVIL}", description=EVIL, kind="selftest", params={"echo": EVIL}, cron="0 3 * * *"),
        actor=actor,
    )
    Schedule.objects.filter(pk=schedule.pk).update(error=EVIL)
    job.refresh_from_db()
    return job, schedule


def _inbox(channel: Channel, number: str, state: str) -> Inbox:
    return Inbox.objects.create(
        channel=channel,
        external_id=number,
        lane=f"{channel.pk}/7/",
        raw=f'{{"text": "{EVIL}"}}',
        state=state,
        error=EVIL,
        attempts=5,
        trace_id="t1",
    )


def _outbox(channel: Channel, session: Session) -> Outbox:
    return Outbox.objects.create(
        channel=channel,
        session=session,
        chat_id="7",
        dedupe_key="k1",
        payload={"text": EVIL},
        state=Outbox.State.DEAD,
        error=EVIL,
    )


def _turn(session: Session, inbox: Inbox, asked: Message) -> Turn:
    turn = Turn.objects.create(
        inbox=inbox,
        session=session,
        epoch=1,
        state=Turn.State.DONE,
        user_seq=asked.seq,
        model="model",
        input_tokens=1234,
        output_tokens=56,
        cost_usd="0.0123",
        outcome="answer",
        trace_id="t1",
        finished_at=timezone.now() - timedelta(minutes=1),
    )
    ToolCall.objects.create(
        turn=turn, call_id="c1", tool="fetch_url", arguments={"url": EVIL}, arguments_hash="0" * 64, result=EVIL
    )
    return turn


def _remote() -> Remote:
    project = Project.objects.create(key="shelf-1", name="shelf", owner="user:1", owner_name=EVIL, type="fastapi")
    return Remote.objects.create(
        project=project,
        url="ssh://git@127.0.0.1/shop.git",
        token=SECRET,
        private_key=SECRET,
        public_key=EVIL,
        error=EVIL,
    )
