"""The kinds of job that this layer brings, one module for each."""

from __future__ import annotations

from runbooks.briefings import BRIEFING
from runbooks.feedback import FEEDBACK_WEEK
from runbooks.incidents.following import INCIDENT_HOOK
from runbooks.jobs import register_kind
from runbooks.kinds.alert_silence import ALERT_SILENCE
from runbooks.kinds.project_clone import PROJECT_CLONE
from runbooks.kinds.project_files import FILE_GET, FILE_TREE
from runbooks.kinds.project_new import PROJECT_NEW
from runbooks.kinds.runbook import RUNBOOK
from runbooks.kinds.selftest import SELFTEST
from runbooks.metrics import METRICS
from runbooks.workspaces.deploys import DEPLOY, DEPLOY_CLEAR, LOG_FOLLOW
from runbooks.workspaces.gitops.making import GITOPS
from runbooks.workspaces.gitops.merging import GITOPS_MERGE
from runbooks.workspaces.pipelines.asking_job import PIPELINE_ASK
from runbooks.workspaces.pipelines.local_job import PIPELINE
from runbooks.workspaces.sync.pulling import GIT_PULL
from runbooks.workspaces.sync.pushing import GIT_PUSH


def register_kinds() -> None:
    """Add them to the registry."""
    register_kind(RUNBOOK)
    register_kind(SELFTEST)
    register_kind(FILE_GET)
    register_kind(FILE_TREE)
    register_kind(BRIEFING)
    register_kind(METRICS)
    register_kind(INCIDENT_HOOK)
    register_kind(FEEDBACK_WEEK)
    register_kind(ALERT_SILENCE)
    register_kind(PROJECT_NEW)
    register_kind(DEPLOY)
    register_kind(DEPLOY_CLEAR)
    register_kind(LOG_FOLLOW)
    register_kind(PROJECT_CLONE)
    register_kind(PIPELINE_ASK)
    register_kind(PIPELINE)
    register_kind(GIT_PUSH)
    register_kind(GITOPS)
    register_kind(GITOPS_MERGE)
    register_kind(GIT_PULL)
