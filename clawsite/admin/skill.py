"""Installed skills: read first, then switched on. Installing is done at the terminal, where the folder is."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from bots.skills.showing import describe_tools, read_code
from bots.skills.switching import disable_skill, enable_skill, remove_skill
from clawsite.admin.actor import actor_of, origin_of
from clawsite.admin.base import RecordAdmin
from clawsite.admin.buttons import button
from clawsite.admin.showing import MOST_JSON, State, pretty_json, shorten, text_block
from sessions_app.models import Skill

PERMISSION = "sessions_app.change_skill"


@admin.register(Skill)
class SkillAdmin(RecordAdmin):
    """Text and rights of a skill stand above the button that switches it on."""

    list_display = ("name", "about", "status", "tool_count", "installed_at")
    list_filter = ("enabled",)
    search_fields = ("name", "description")
    ordering = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "description", "status", "off_reason")}),
        (gettext_lazy("What its tools may do"), {"fields": ("rights", "odd")}),
        (gettext_lazy("Instructions to the model"), {"fields": ("text",)}),
        (gettext_lazy("Code"), {"fields": ("code",)}),
        (gettext_lazy("Package"), {"fields": ("content", "license", "meta", "digest", "source")}),
        (gettext_lazy("Who"), {"fields": ("installed_by", "installed_at", "enabled_by", "enabled_at")}),
    )

    @display(description=gettext_lazy("description"))
    def about(self, row: Skill) -> str:
        """The beginning of it."""
        return shorten(row.description)

    @display(description=gettext_lazy("state"), label={"on": "success", "changed": "danger", "off": ""})
    def status(self, row: Skill) -> State:
        """Whether it is on, or why not."""
        if row.enabled:
            return State("on", _("on"))
        return State("changed", _("switched off")) if row.off_reason else State("off", _("off"))

    @display(description=gettext_lazy("tools"))
    def tool_count(self, row: Skill) -> int:
        """How many it declares."""
        return len(row.tools)

    @display(description=gettext_lazy("tools"))
    def rights(self, row: Skill) -> SafeString:
        """A sentence for each tool."""
        return text_block("\n".join(describe_tools(row)) or _("It has no tools of its own."))

    @display(description=gettext_lazy("to be looked at twice"))
    def odd(self, row: Skill) -> SafeString:
        """What a guard found in its text."""
        return text_block("\n".join(row.findings) or "–")

    @display(description=gettext_lazy("text"))
    def text(self, row: Skill) -> SafeString:
        """The instructions as the model gets them."""
        return text_block(row.body)

    @display(description=gettext_lazy("Python"))
    def code(self, row: Skill) -> SafeString:
        """Its Python files, which run in the sandbox; what does not fit here is read at the terminal."""
        code = read_code(row) or "–"
        return text_block(code if len(code) <= MOST_JSON else f"manage.py skills show {row.name}")

    @display(description=gettext_lazy("files"))
    def content(self, row: Skill) -> SafeString:
        """Names and sizes."""
        return text_block("\n".join(f"{each['name']} ({each['size']})" for each in row.files))

    @display(description=gettext_lazy("metadata"))
    def meta(self, row: Skill) -> SafeString:
        """What its author noted."""
        return pretty_json(row.metadata)

    @button(
        gettext_lazy("Switch on"),
        permission=PERMISSION,
        shown=lambda row: not row.enabled,
        seen=lambda row: row.digest,
        confirm=gettext_lazy("You have read the instructions and what the tools may do. Switch this skill on?"),
    )
    def enable(self, request: HttpRequest, row: Skill) -> str:
        """Switch on what the page showed."""
        enable_skill(row, digest=request.GET.get("seen", ""), actor=actor_of(request), origin=origin_of(request))
        return _("The skill is on. Operators use it in a chat with /skills.")

    @button(gettext_lazy("Switch off"), permission=PERMISSION, shown=lambda row: row.enabled, in_list=True)
    def disable(self, request: HttpRequest, row: Skill) -> str:
        """Switch the skill off everywhere."""
        disable_skill(row, actor=actor_of(request), origin=origin_of(request))
        return _("The skill is off.")

    @button(
        gettext_lazy("Remove"),
        permission="sessions_app.delete_skill",
        style="danger",
        confirm=gettext_lazy("The skill and its files will be removed for good."),
    )
    def remove(self, request: HttpRequest, row: Skill) -> str:
        """Remove the skill with its files."""
        remove_skill(row, actor=actor_of(request), origin=origin_of(request))
        return _("The skill is removed.")
