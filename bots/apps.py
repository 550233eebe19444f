"""The app of the talking layer."""

from __future__ import annotations

from django.apps import AppConfig


class BotsConfig(AppConfig):
    """Fills the registries of the lower layers with what the talking layer offers."""

    name = "bots"
    verbose_name = "Bots"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Offer what lower layers call: the continuation of a turn whose tool call was decided."""
        from bots import services
        from bots.code import asking, kinds
        from bots.commands.names import all_names
        from bots.decisions import KIND, resume_turn
        from bots.uploads.job import FILE_PUT
        from guardrails.approvals import register_resumer
        from runbooks.jobs import register_kind
        from runbooks.workspaces.gitops.builtins import register_builtins

        register_resumer(KIND, resume_turn)
        register_resumer(asking.KIND, asking.take_up)
        kinds.register_kinds()
        register_kind(FILE_PUT)
        register_builtins(all_names)
        services.register()
        _register_cards()


def _register_cards() -> None:
    """Say how each kind of card is worded."""
    from bots.cards import (
        alert,
        alert_storm,
        approval,
        briefing,
        change,
        code,
        deploy,
        feedback,
        incident,
        logs,
        metrics,
        pipeline,
        project,
        project_files,
        register_card,
        restored,
        run,
        selfalert,
        sync,
    )
    from bots.uploads.job import CARD

    renders = {
        "incident": incident.render,
        "approval": approval.render,
        "project": project.render,
        "run": run.render,
        "sync": sync.render,
        "run-end": run.render_end,
        "run-message": run.render_message,
        "briefing": briefing.render,
        "metrics": metrics.render,
        "change": change.render,
        "change-failed": change.render_failed,
        "change-errors": change.render_errors,
        "code": code.render,
        "code-end": code.render_end,
        "code-note": code.render_note,
        "code-diff": code.render_diff,
        "deploy": deploy.render,
        "deploy-end": deploy.render_end,
        "logs": logs.render,
        "restored": restored.render,
        "feedback": feedback.render,
        "alert": alert.render,
        "alert_storm": alert_storm.render,
        "pipeline": pipeline.render,
        "pipeline-end": pipeline.render_end,
        "pipeline-answer": pipeline.render_answer,
        "forge-change": pipeline.render_change,
        "forge-deploy": pipeline.render_deploy,
        "project-tree": project_files.render_tree,
        "project-file": project_files.render_file,
        CARD: project_files.render_upload,
        selfalert.KIND: selfalert.render,
    }
    for kind, render in renders.items():
        register_card(kind, render)
