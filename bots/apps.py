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
        from bots.cards import (
            alert,
            alert_storm,
            approval,
            briefing,
            code,
            deploy,
            feedback,
            incident,
            metrics,
            pipeline,
            project,
            register_card,
            run,
        )
        from bots.code import asking, kinds
        from bots.decisions import KIND, resume_turn
        from guardrails.approvals import register_resumer

        register_resumer(KIND, resume_turn)
        register_resumer(asking.KIND, asking.take_up)
        kinds.register_kinds()
        register_card("incident", incident.render)
        register_card("approval", approval.render)
        register_card("project", project.render)
        register_card("run", run.render)
        register_card("run-end", run.render_end)
        register_card("run-message", run.render_message)
        register_card("briefing", briefing.render)
        register_card("metrics", metrics.render)
        register_card("code", code.render)
        register_card("code-end", code.render_end)
        register_card("code-note", code.render_note)
        register_card("code-diff", code.render_diff)
        register_card("deploy", deploy.render)
        register_card("deploy-end", deploy.render_end)
        register_card("feedback", feedback.render)
        register_card("alert", alert.render)
        register_card("alert_storm", alert_storm.render)
        register_card("pipeline", pipeline.render)
        register_card("pipeline-end", pipeline.render_end)
        register_card("pipeline-answer", pipeline.render_answer)
        register_card("forge-change", pipeline.render_change)
        register_card("forge-deploy", pipeline.render_deploy)
