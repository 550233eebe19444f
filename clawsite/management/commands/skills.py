"""`manage.py skills`: folders of instructions and tools. What is installed is off until somebody has read it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from bots.skills.install import builtin_names, find_source, install_skill
from bots.skills.showing import describe, list_rows
from bots.skills.switching import disable_skill, enable_skill, find_skill, remove_skill
from clawsite.management.asking import agree
from clawsite.management.base import Subcommands
from clawsite.management.person import actor_at_terminal


class Command(Subcommands):
    """Installs, lists, shows, enables, disables and removes skills."""

    help = "Install, list, show, enable, disable or remove skills."

    def verbs(self) -> Any:
        """The subcommands."""
        return {
            "install": ("copy a skill's folder here, switched off; nothing of it is run", _source, self.install),
            "list": ("show the installed skills", _listing, self.list),
            "show": ("show the text of a skill and what its tools may do", _named, self.show),
            "enable": ("switch a skill on after showing it", _confirmed, self.enable),
            "disable": ("switch a skill off everywhere", _named, self.disable),
            "remove": ("remove a skill with its files", _confirmed, self.remove),
        }

    def install(self, options: dict[str, Any]) -> None:
        """Install a folder, or a skill that comes with clawsite by its name."""
        done = install_skill(find_source(options["path"]), actor=actor_at_terminal())
        for warning in done.warnings:
            self.say(f"Note: {warning}")
        name = done.skill.name
        if not done.changed:
            self.say(f"{name} was installed already, and is the same.")
            return
        self.say(f"{name} is installed, switched off. Read it and switch it on with: manage.py skills enable {name}")

    def list(self, options: dict[str, Any]) -> None:
        """Show what is installed and whether it is on."""
        found = list_rows()
        if options["json"]:
            self.say_json(found)
        elif not found:
            self.say(f"No skill is installed. With clawsite come: {', '.join(builtin_names())}.")
        else:
            keys = ("name", "state", "tools", "description")
            self.say_table(
                ["NAME", "STATE", "TOOLS", "DESCRIPTION"], [[str(row[key])[:80] for key in keys] for row in found]
            )
            for row in found:
                if row["reason"]:
                    self.say(f"{row['name']} is off: {row['reason']}")

    def show(self, options: dict[str, Any]) -> None:
        """Show everything that somebody should read before switching it on."""
        self._show(options["name"])

    def enable(self, options: dict[str, Any]) -> None:
        """Show a skill, ask, and switch it on."""
        skill = find_skill(options["name"])
        self._show(skill.name)
        if not options["yes"] and not agree(f"Switch {skill.name} on?"):
            raise CommandError("Nothing was changed.")
        enable_skill(skill, digest=skill.digest, actor=actor_at_terminal())
        self.say(f"{skill.name} is on. Operators use it in a chat with: /skills on {skill.name}")

    def disable(self, options: dict[str, Any]) -> None:
        """Switch a skill off."""
        skill = find_skill(options["name"])
        disable_skill(skill, actor=actor_at_terminal())
        self.say(f"{skill.name} is off.")

    def remove(self, options: dict[str, Any]) -> None:
        """Remove a skill after a question."""
        skill = find_skill(options["name"])
        if not options["yes"] and not agree(f"Remove {skill.name} with its files, for good?"):
            raise CommandError("Nothing was removed.")
        remove_skill(skill, actor=actor_at_terminal())
        self.say(f"{skill.name} is removed.")

    def _show(self, name: str) -> None:
        for line in describe(find_skill(name)):
            self.say("".join(char if char.isprintable() else "?" for char in line))


def _source(parser: ArgumentParser) -> None:
    parser.add_argument("path", help="the folder that holds SKILL.md, or the name of a skill that comes with clawsite")


def _listing(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="write JSON")


def _named(parser: ArgumentParser) -> None:
    parser.add_argument("name", help="the skill's name")


def _confirmed(parser: ArgumentParser) -> None:
    _named(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")
