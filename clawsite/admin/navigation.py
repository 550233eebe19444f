"""Where everything is: the groups of the sidebar and of the index page, by what the person may see."""

from __future__ import annotations

from typing import Any, cast

from django.apps import apps
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

# Group -> (model, what it is called here, Material symbol).
GROUPS: tuple[tuple[Any, tuple[tuple[str, Any, str], ...]], ...] = (
    (
        _("Conversations"),
        (
            ("sessions_app.Session", _("Sessions"), "forum"),
            ("sessions_app.Message", _("Messages"), "chat_bubble"),
            ("sessions_app.Fact", _("Facts"), "lightbulb"),
            ("sessions_app.Turn", _("Turns"), "autorenew"),
        ),
    ),
    (
        _("People"),
        (
            ("sessions_app.Pairing", _("Pairing codes"), "waving_hand"),
            ("sessions_app.Contact", _("Contacts"), "group"),
            ("sessions_app.GroupAccess", _("Groups"), "groups"),
        ),
    ),
    (
        _("On call"),
        (
            ("runbooks.AlertGroup", _("Alerts"), "notifications_active"),
            ("runbooks.Incident", _("Incidents"), "local_fire_department"),
            ("runbooks.Anomaly", _("Anomalies"), "monitoring"),
            ("runbooks.IncidentHook", _("Ticket systems"), "confirmation_number"),
            ("runbooks.MonitoredSystem", _("Systems"), "monitor_heart"),
            ("runbooks.NamedQuery", _("Queries"), "query_stats"),
        ),
    ),
    (
        _("Alerting"),
        (
            ("runbooks.AlertSubscription", _("Subscriptions"), "campaign"),
            ("runbooks.EscalationPolicy", _("Escalation policies"), "stairs"),
            ("runbooks.Escalation", _("Escalations"), "escalator"),
            ("runbooks.Rota", _("Rotas"), "calendar_month"),
            ("runbooks.Responder", _("People on call"), "badge"),
            ("runbooks.AlertSilence", _("Silences"), "notifications_off"),
            ("runbooks.Heartbeat", _("Watchdogs"), "ecg_heart"),
            ("runbooks.AlertWebhook", _("Deliveries"), "webhook"),
        ),
    ),
    (
        _("Work"),
        (
            ("runbooks.Runbook", _("Runbooks"), "checklist"),
            ("runbooks.Run", _("Runs"), "play_circle"),
            ("runbooks.Job", _("Jobs"), "work_history"),
            ("runbooks.Schedule", _("Schedules"), "calendar_clock"),
            ("runbooks.ScheduleRun", _("Due times"), "event_available"),
            ("runbooks.CodeRun", _("Work on projects"), "code"),
            ("runbooks.Feedback", _("Feedback"), "thumbs_up_down"),
            ("runbooks.Remote", _("Remotes"), "cloud_sync"),
        ),
    ),
    (
        _("Projects"),
        (
            ("runbooks.Project", _("Projects"), "deployed_code"),
            ("runbooks.Operation", _("Changes"), "commit"),
            ("runbooks.ChangeRequest", _("Change requests"), "merge"),
            ("runbooks.Environment", _("Environments"), "dns"),
            ("runbooks.Deploy", _("Deploys"), "rocket_launch"),
            ("runbooks.Pipeline", _("Pipelines"), "account_tree"),
            ("runbooks.ForgeConnection", _("Forges"), "cable"),
            ("runbooks.CiDelivery", _("Deliveries of forges"), "webhook"),
        ),
    ),
    (
        _("Gateway"),
        (
            ("clawsite.GatewayToken", _("Tokens"), "vpn_key"),
            ("clawsite.GatewayDevice", _("Devices"), "devices"),
            ("runbooks.GatewayTarget", _("Other gateways"), "lan"),
        ),
    ),
    (_("Channels"), (("sessions_app.Channel", _("Channels"), "hub"),)),
    (
        _("Delivery"),
        (
            ("sessions_app.Inbox", _("Inbox"), "inbox"),
            ("sessions_app.Outbox", _("Outbox"), "outbox"),
            ("sessions_app.Card", _("Cards"), "dynamic_feed"),
        ),
    ),
    (
        _("Prompt"),
        (
            ("sessions_app.PromptLayer", _("Layers"), "layers"),
            ("sessions_app.SessionLayer", _("Session overrides"), "tune"),
            ("sessions_app.Skill", _("Skills"), "school"),
        ),
    ),
    (
        _("Safety"),
        (
            ("guardrails.Approval", _("Approvals"), "how_to_reg"),
            ("guardrails.VerdictRecord", _("Verdicts"), "shield"),
        ),
    ),
    (
        _("System"),
        (
            ("clawsite.SelfAlert", _("Problems with clawsite"), "healing"),
            ("core.ServiceState", _("Outside services"), "electrical_services"),
            ("core.Process", _("Processes"), "memory"),
            ("clawsite.Backup", _("Backups"), "backup"),
            ("core.Lease", _("Leases"), "lock_clock"),
            ("core.AuditEvent", _("Audit log"), "history"),
            ("core.User", _("Users"), "badge"),
            ("auth.Group", _("Rights"), "admin_panel_settings"),
            ("core.Secret", _("Secrets"), "key"),
            ("core.FeatureFlag", _("Features"), "toggle_on"),
        ),
    ),
)


def groups_for(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups with the pages that this person may open; a group without any is left out."""
    found = []
    for title, models in GROUPS:
        items = [_item(label, name, icon) for label, name, icon in models if _may_see(request, label)]
        if items:
            found.append({"title": title, "separator": True, "items": items})
    return found


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar: the overview, then the groups."""
    home = {"title": _("Overview"), "icon": "home", "link": reverse("admin:index")}
    return [{"title": "", "items": [home]}, *groups_for(request)]


def account(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the links of the menu of one's own account."""
    return [
        {"title": _("Change password"), "link": reverse("admin:password_change")},
        {"title": _("Second factor"), "link": reverse("second-factor")},
    ]


def name_of(model: type[Model]) -> Any:
    """Return what the list of a model is called here; one that has no place here keeps its own name."""
    label = model._meta.label
    names = (name for _, models in GROUPS for each, name, _ in models if each == label)
    return next(names, model._meta.verbose_name_plural)


def _item(label: str, name: Any, icon: str) -> dict[str, Any]:
    opts = apps.get_model(label)._meta
    return {"title": name, "icon": icon, "link": reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")}


def _may_see(request: HttpRequest, label: str) -> bool:
    opts = apps.get_model(label)._meta
    user = cast(Any, request.user)
    return any(user.has_perm(f"{opts.app_label}.{verb}_{opts.model_name}") for verb in ("view", "change"))
