"""Rows that no test looks at by name: those of alerts, pipelines, projects and features."""

from __future__ import annotations

from sessions_app.models import Contact, Session
from tests.clawsite.admin.alert_rows import make_alert_rows
from tests.clawsite.admin.backup_rows import make_backup_rows
from tests.clawsite.admin.flag_rows import make_flag_rows
from tests.clawsite.admin.pipeline_rows import make_pipeline_rows
from tests.clawsite.admin.project_rows import make_project_rows
from tests.clawsite.admin.trouble_rows import make_trouble_rows


def make_other_rows(session: Session, contact: Contact, *, evil: str, secret: str) -> dict[str, int]:
    """Make them and return the primary key of one of each model, by the model's name in the admin's addresses."""
    return (
        make_alert_rows(session, contact, evil)
        | make_pipeline_rows(evil, secret)
        | make_project_rows(evil)
        | make_flag_rows(evil)
        | make_backup_rows(evil)
        | make_trouble_rows(evil)
    )
