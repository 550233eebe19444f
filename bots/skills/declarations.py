"""tools.py of a skill, read without being run: the literal TOOLS, and whether each tool's function is there.

A tool says the worst it does and names each command and tool it may ask for; what it does not name it never gets.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any, cast

from bots.agent.tools import list_tools
from bots.agent.tools.schema import check_schema
from bots.commands.catalog import find_command
from bots.skills.declared import NEVER, RANK, DeclaredTool, full_name
from bots.skills.patterns import find_slow
from bots.skills.problems import Problems, shown
from guardrails.tools import Effect
from guardrails.types import Role

FILE = "tools.py"
TOOLS_MAX, NAMES_MAX, PARAMETERS_CHARS, MOST_A_MINUTE = 20, 20, 8_000, 600
TOOL_NAME_CHARS = 64
_KEYS = frozenset({"name", "description", "effect", "role", "per_minute", "parameters", "command", "commands", "tools"})
_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_ROLES = (Role.VIEWER, Role.OPERATOR, Role.ADMIN)


def read_declarations(
    content: bytes | None, *, skill: str, allowed: tuple[str, ...], problems: Problems
) -> tuple[DeclaredTool, ...]:
    """Return the tools that tools.py declares, none without the file. What is wrong is in `problems`."""
    tree = _parse(content, problems) if content is not None else None
    if tree is None:
        return ()
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    found: dict[str, DeclaredTool] = {}
    for node in _items(tree, problems):
        data = _literal(node, problems)
        reader = _Reader(data or {}, node.lineno, skill=skill, allowed=allowed, functions=functions, problems=problems)
        tool = reader.read() if data is not None else None
        if tool is not None and found.setdefault(tool.name, tool) is not tool:
            problems.error(f"there are two tools called {tool.name!r}", file=FILE, line=node.lineno)
    return tuple(found.values())


def _parse(content: bytes, problems: Problems) -> ast.Module | None:
    try:
        return ast.parse(content.decode(), filename=FILE)
    except SyntaxError as error:
        problems.error(f"this is no Python: {error.msg}", file=FILE, line=error.lineno or 1)
    except (ValueError, RecursionError, MemoryError):
        problems.error("this is no Python that can be read", file=FILE)
    return None


def _items(tree: ast.Module, problems: Problems) -> list[ast.expr]:
    """Return the entries of TOOLS."""
    values = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "TOOLS" for to in node.targets)
    ]
    if len(values) != 1 or not isinstance(values[0], ast.List):
        problems.error("must hold one list TOOLS = [...], which says what each tool may do", file=FILE)
        return []
    if len(values[0].elts) > TOOLS_MAX:
        problems.error(f"declares more than {TOOLS_MAX} tools", file=FILE, line=values[0].lineno)
    return values[0].elts[:TOOLS_MAX]


def _literal(node: ast.expr, problems: Problems) -> Mapping[str, Any] | None:
    """Return an entry as a mapping, or None when something in it would have to be computed."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, RecursionError, MemoryError, SyntaxError):
        value = None
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return value
    text = "an entry of TOOLS must be a literal {...}; nothing in it is computed"
    problems.error(text, file=FILE, line=node.lineno)
    return None


class _Reader:
    """Reads one entry of TOOLS; each error names its line."""

    def __init__(
        self,
        data: Mapping[str, Any],
        line: int,
        *,
        skill: str,
        allowed: tuple[str, ...],
        functions: set[str],
        problems: Problems,
    ) -> None:
        self.data, self.line, self.skill, self.allowed = data, line, skill, allowed
        self.functions, self.problems = functions, problems
        self.wrong = False

    def read(self) -> DeclaredTool | None:
        """Return the tool, or None when something is wrong with it."""
        for key in sorted(set(self.data) - _KEYS):
            self._error(f"{shown(key, 40)!r} is not known; known are {', '.join(sorted(_KEYS))}")
        tool = self._make()
        if not self.wrong:
            self._check_name(tool)
            self._check_asked(tool)
            self._check_command(tool)
        return None if self.wrong else tool

    def _error(self, text: str) -> None:
        self.wrong = True
        self.problems.error(text, file=FILE, line=self.line)

    def _make(self) -> DeclaredTool:
        effect, role = self.data.get("effect"), self.data.get("role", Role.OPERATOR.value)
        if not isinstance(effect, str) or effect not in RANK:
            self._error(f"effect is missing: the worst the tool does, one of {', '.join(RANK)}")
            effect = "destructive"
        if role not in _ROLES:
            self._error(f"role must be one of {', '.join(_ROLES)}")
            role = Role.ADMIN
        return DeclaredTool(
            name=self._text("name", 48),
            description=self._text("description", 1024),
            effect=cast(Effect, effect),
            role=Role(role),
            per_minute=self._per_minute(),
            parameters=self._parameters(),
            command=self._text("command", 200) if "command" in self.data else "",
            commands=self._names("commands"),
            tools=self._names("tools"),
        )

    def _text(self, key: str, limit: int) -> str:
        value = self.data.get(key)
        if not isinstance(value, str) or not value.strip() or len(value) > limit or not value.isprintable():
            self._error(f"{key} must be text on one line of at most {limit} characters")
            return ""
        return value.strip()

    def _names(self, key: str) -> tuple[str, ...]:
        value = self.data.get(key, [])
        if not isinstance(value, list) or len(value) > NAMES_MAX or not all(isinstance(each, str) for each in value):
            self._error(f"{key} must be a list of at most {NAMES_MAX} names")
            return ()
        return tuple(sorted(set(value)))

    def _per_minute(self) -> int:
        value = self.data.get("per_minute", 30)
        if type(value) is not int or not 1 <= value <= MOST_A_MINUTE:
            self._error(f"per_minute must be a whole number from 1 to {MOST_A_MINUTE}")
            return 1
        return value

    def _parameters(self) -> Mapping[str, Any]:
        value = self.data.get("parameters", {"type": "object", "properties": {}})
        try:
            if len(repr(value)) > PARAMETERS_CHARS:
                raise ValueError(f"longer than {PARAMETERS_CHARS} characters")
            check_schema(value)
            if slow := find_slow(value):
                raise ValueError(slow)
        except (ValueError, TypeError, AttributeError, KeyError, re.error, RecursionError) as error:
            self._error(f"parameters are no schema of an object that can be checked here: {shown(str(error), 120)}")
            return {}
        return dict(value)

    def _check_name(self, tool: DeclaredTool) -> None:
        if not _NAME.fullmatch(tool.name) or len(full_name(self.skill, tool.name)) > TOOL_NAME_CHARS:
            self._error("name may hold a-z, 0-9 and single underscores, 64 characters with the skill's name before it")

    def _check_asked(self, tool: DeclaredTool) -> None:
        """Compare what the tool may ask for with what it says of itself."""
        known = {each.name: each.policy for each in list_tools()}
        for name in tool.tools:
            if name not in self.allowed:
                self._error(f"the tool {shown(name, 40)!r} is not among the skill's allowed-tools that exist here")
            elif RANK[known[name].effect] > RANK[tool.effect]:
                self._error(f"{name} does more than {tool.effect}; declare effect {known[name].effect!r}")
        for name in tool.all_commands:
            command = find_command(name)
            if (command.name if command else name) in NEVER:
                self._error(f"the command {shown(name, 40)!r} is for people only")
            elif command is None:
                self.problems.warn(
                    f"there is no command {shown(name, 40)!r} here; {tool.name} is not offered until there is",
                    file=FILE,
                    line=self.line,
                )
            elif not tool.may_ask_for(command.name):
                text = f"the command {name!r} acts on your systems; make it a tool's command, with effect 'destructive'"
                self._error(text)
            elif tool.effect == "read" and not command.looks:
                self._error(f"the command {name!r} changes things; declare effect 'write' or 'destructive'")

    def _check_command(self, tool: DeclaredTool) -> None:
        if not tool.command:
            if tool.name not in self.functions:
                self._error(f"there is no function {tool.name}(arguments) in this file")
            return
        if tool.commands or tool.tools:
            self._error("a tool that is a command asks for nothing else; leave out commands and tools")
        for gap in tool.gaps:
            if gap not in tool.parameters.get("properties", {}):
                self._error(f"command has a gap {{{gap}}} that is none of its parameters")
