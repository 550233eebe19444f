"""The app of jobs, schedules and everything that runs as one."""

from __future__ import annotations

from django.apps import AppConfig


class RunbooksConfig(AppConfig):
    """Makes the models known to Django."""

    name = "runbooks"
    verbose_name = "Work"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load the kinds of job of this layer; say who hears of decided approvals, and of what Alertmanagers list."""
        from guardrails.approvals import register_resumer
        from runbooks import kinds, services
        from runbooks.alerts.reconciling import hear_list
        from runbooks.books.asking import KIND, take_up
        from runbooks.feedback import forget_people
        from runbooks.jobs.endings import on_any_end
        from runbooks.sources.readings import register_hearer
        from runbooks.workspaces.gitops import asking as changes
        from runbooks.workspaces.gitops.loading import load_after
        from runbooks.workspaces.operations import after_operation
        from runbooks.workspaces.pipelines import local_asking
        from runbooks.workspaces.projects import purge_projects
        from runbooks.workspaces.sync import hosts
        from runbooks.workspaces.sync.queue import push_after
        from runbooks.workspaces.turns import leave_turn
        from sessions_app.accounts import on_forgotten

        kinds.register_kinds()
        services.register()
        register_resumer(KIND, take_up)
        register_resumer(local_asking.KIND, local_asking.take_up)
        register_hearer("alertmanager", hear_list)
        on_any_end(leave_turn)
        on_forgotten(lambda subjects, actor, origin: forget_people(subjects))
        on_forgotten(lambda subjects, actor, origin: purge_projects(subjects, actor=actor, origin=origin))
        register_resumer(hosts.KIND, hosts.pin_host)
        after_operation(push_after)
        after_operation(load_after)
        register_resumer(changes.KIND, changes.take_up)
