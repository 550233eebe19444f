"""The admin: one module for each model. Importing this package registers them all.

Pages of other people's apps that nobody here needs (the queue's signed pickles above all) are taken away.
"""

from __future__ import annotations

from django.apps import apps
from django.contrib import admin

from clawsite.admin import (
    alert_group,
    alert_silence,
    alert_subscription,
    alert_webhook,
    anomaly,
    approval,
    audit_event,
    backup,
    card,
    change_request,
    channel,
    ci_delivery,
    code_run,
    contact,
    deploy,
    device,
    environment,
    escalation,
    escalation_policy,
    fact,
    feature_flag,
    feedback,
    forge_connection,
    gateway_target,
    group,
    heartbeat,
    inbox,
    incident,
    incident_hook,
    job,
    lease,
    logins,
    message,
    monitored_system,
    named_query,
    outbox,
    pairing,
    pipeline,
    process,
    project,
    prompt_layer,
    remote,
    responder,
    rights_group,
    rota,
    run,
    runbook,
    schedule,
    secret,
    self_alert,
    service_state,
    session,
    session_layer,
    skill,
    token,
    turn,
    user,
    verdict,
)

__all__ = [
    "alert_group", "alert_silence", "alert_subscription", "alert_webhook", "anomaly", "approval", "audit_event",
    "backup", "card", "change_request", "channel", "ci_delivery", "code_run", "contact", "deploy", "device",
    "environment", "escalation", "escalation_policy", "fact", "feature_flag", "feedback", "forge_connection",
    "gateway_target", "group", "heartbeat", "inbox", "incident", "incident_hook", "job", "lease", "message",
    "monitored_system", "named_query", "outbox", "pairing", "pipeline", "process", "project", "prompt_layer", "remote",
    "responder", "rights_group", "rota", "run", "runbook", "schedule", "secret", "self_alert", "service_state",
    "session", "session_layer", "skill", "token", "turn", "user", "verdict",
]  # fmt: skip

for _label in ("django_q", "waffle"):
    for _model in apps.get_app_config(_label).get_models():
        if admin.site.is_registered(_model):
            admin.site.unregister(_model)

logins.listen()
