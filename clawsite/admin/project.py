"""Projects: whose they are, who works in them, and what was changed. Admins open the network, and remove for good."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import RecordAdmin
from clawsite.admin.buttons import button
from clawsite.admin.filters import name_filter
from clawsite.admin.showing import State, age, shorten, text_block
from runbooks.models import Operation, Project
from runbooks.workspaces import projects
from runbooks.workspaces.members import list_members
from runbooks.workspaces.operations import last_operations
from runbooks.workspaces.quotas import MEGABYTE, measure
from runbooks.workspaces.roots import project_root, tree_of
from runbooks.workspaces.templates import list_templates
from runbooks.workspaces.turns import holder_of

CHANGE = "runbooks.change_project"
DELETE = "runbooks.delete_project"
COLOURS = {"making": "info", "ready": "success", "failed": "danger", "archived": ""}
SHOWN = 50
LOOKED_AT = 1000


def _types() -> list[str]:
    """Return the types that projects are made of."""
    return [projects.CLONED, *(template.type for template in list_templates())]


def _kinds_of_late() -> list[str]:
    """Return the kinds of the newest operations: who makes one names its kind, and there is no list of them."""
    return sorted(set(Operation.objects.order_by("-pk").values_list("kind", flat=True)[:LOOKED_AT]))


@admin.register(Project)
class ProjectAdmin(RecordAdmin):
    """Records, newest first. They are made in a chat or by a program."""

    list_display = ("name", "whose", "type", "status", "network", "made")
    list_filter = (
        "state",
        "archived",
        name_filter("type", title=gettext_lazy("type"), names=_types),
        "network",
    )
    search_fields = ("name__startswith", "key__startswith", "owner", "owner_name__startswith")
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("name", "key", "type", "status", "branch", "network")}),
        (gettext_lazy("People"), {"fields": ("whose", "people")}),
        (gettext_lazy("Files"), {"fields": ("place", "size", "at_work")}),
        (gettext_lazy("Changes"), {"fields": ("changes_made",)}),
    )

    @display(description=gettext_lazy("owner"))
    def whose(self, row: Project) -> str:
        """The owner's name, and the subject that stands for it."""
        return f"{row.owner_name} ({row.owner})" if row.owner_name else row.owner

    @display(description=gettext_lazy("state"), label=COLOURS)
    def status(self, row: Project) -> State:
        """Whether it can be worked on."""
        words = {"making": _("being made"), "ready": _("ready"), "failed": _("could not be made")}
        return State("archived", _("archived")) if row.archived else State(row.state, words[row.state])

    @display(description=gettext_lazy("age"), ordering="created_at")
    def made(self, row: Project) -> str:
        """How long ago it was made."""
        return age(row.created_at)

    @display(description=gettext_lazy("members"))
    def people(self, row: Project) -> SafeString:
        """Everybody beside the owner, a line each."""
        lines = [f"{each.name or each.subject} ({each.subject}): {each.role}" for each in list_members(row)]
        return text_block("\n".join(lines) or "–")

    @display(description=gettext_lazy("directory"))
    def place(self, row: Project) -> str:
        """Where it lies on this machine."""
        return str(project_root(row))

    @display(description=gettext_lazy("size"))
    def size(self, row: Project) -> str:
        """What the files of its branch come to."""
        usage = measure(tree_of(row))
        return _("{files} files, {size} MB").format(files=usage.files, size=f"{usage.bytes / MEGABYTE:.1f}")

    @display(description=gettext_lazy("at work"))
    def at_work(self, row: Project) -> str:
        """The job whose turn it is."""
        job = holder_of(row)
        return str(job) if job is not None else "–"

    @display(description=gettext_lazy("last changes"))
    def changes_made(self, row: Project) -> SafeString:
        """What was done to the branch, a line each."""
        lines = [
            f"{timezone.localtime(each.created_at):%Y-%m-%d %H:%M:%S}  {each.sha[:8]}  {each.kind}  "
            f"{each.actor_name or each.actor}: {each.summary}"
            for each in last_operations(row, limit=SHOWN)
        ]
        return text_block("\n".join(lines) or "–")

    @button(gettext_lazy("Allow the network"), permission=CHANGE, shown=lambda row: not row.network)
    def allow_network(self, request: HttpRequest, row: Project) -> str:
        """Let its commands use the network."""
        projects.set_network(row, allowed=True, actor=actor_of(request), origin=origin_of(request))
        return _("Its commands may use the network now.")

    @button(gettext_lazy("Forbid the network"), permission=CHANGE, shown=lambda row: row.network)
    def forbid_network(self, request: HttpRequest, row: Project) -> str:
        """Keep its commands from the network."""
        projects.set_network(row, allowed=False, actor=actor_of(request), origin=origin_of(request))
        return _("Its commands may not use the network any more.")

    @button(gettext_lazy("Archive"), permission=CHANGE, shown=lambda row: not row.archived)
    def archive(self, request: HttpRequest, row: Project) -> str:
        """Put it aside."""
        projects.archive(row, actor=actor_of(request), origin=origin_of(request))
        return _("The project is archived.")

    @button(gettext_lazy("Restore"), permission=CHANGE, shown=lambda row: row.archived)
    def restore(self, request: HttpRequest, row: Project) -> str:
        """Take it up again."""
        projects.archive(row, archived=False, actor=actor_of(request), origin=origin_of(request))
        return _("The project can be worked on again.")

    @button(
        gettext_lazy("Remove for good"),
        permission=DELETE,
        style="danger",
        confirm=gettext_lazy("The project goes with all its files, its history and what is recorded of it."),
    )
    def remove(self, request: HttpRequest, row: Project) -> str:
        """Remove it with all its files."""
        projects.remove_project(row, actor=actor_of(request), origin=origin_of(request))
        return _("The project is removed.")


@admin.register(Operation)
class OperationAdmin(RecordAdmin):
    """What was done to the branches of all projects, newest first."""

    list_display = ("made", "project", "kind", "commit", "who", "what")
    list_filter = (name_filter("kind", title=gettext_lazy("kind"), names=_kinds_of_late),)
    list_select_related = ("project",)
    search_fields = ("sha__startswith", "actor", "project__name__startswith")
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("project", "kind", "what", "who", "job", "created_at")}),
        (gettext_lazy("Commits"), {"fields": ("before", "sha")}),
    )

    @display(description=gettext_lazy("age"), ordering="created_at")
    def made(self, row: Operation) -> str:
        """How long ago it was."""
        return age(row.created_at)

    @display(description=gettext_lazy("commit"))
    def commit(self, row: Operation) -> str:
        """The commit, short."""
        return row.sha[:8]

    @display(description=gettext_lazy("by"))
    def who(self, row: Operation) -> str:
        """Who asked for it."""
        return row.actor_name or row.actor

    @display(description=gettext_lazy("summary"))
    def what(self, row: Operation) -> str:
        """What it was."""
        return shorten(row.summary, 80)
