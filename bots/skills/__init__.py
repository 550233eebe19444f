"""Skills: folders of instructions and tools. Installing, validating, offering and running them; how to write one.

A skill is a folder with a `SKILL.md`, as Agent Skills describe it: front matter (name, description, license,
allowed-tools, metadata), then instructions. Beside it may lie files to read and a `tools.py`:

    TOOLS = [
        {"name": "alerts", "description": "...", "effect": "read", "role": "viewer",
         "parameters": {"type": "object", "properties": {"period": {"type": "string", "pattern": "^[0-9]+[hm]$"}}},
         "command": "alerts {period}"},
        {"name": "overview", "description": "...", "effect": "read", "commands": ["status"], "tools": ["time"]},
    ]

    def overview(arguments):
        status = yield {"command": "status"}
        clock = yield {"tool": "time", "arguments": {"zone": "UTC"}}
        return f"{clock}\\n{status}"

TOOLS is a literal: it is read, never run, when the skill is installed. A tool with `command` runs that chat command,
with the rights of the person who talks. Any other one is a function of its name, which runs in the sandbox: no
network, no files but the skill's own, no environment, no database. It does nothing itself: what it wants done it
yields, and that is done, as that person, only where the declaration names the command or the tool. A runbook is started
by a tool with `command` and effect destructive only: a person sees that line and says yes. The function is run
from its beginning for each thing it yields, so it must do the same with the same arguments and answers.
"""
