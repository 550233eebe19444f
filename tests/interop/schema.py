"""Holds frames against OpenClaw's own JSON schema, with the validator that OpenClaw brings.

Which definition belongs to which method is written nowhere; the tables below hold for its own gateway, which the tests
check as well. The newest published schema (2026.9.1) is older than that gateway (2026.9.6), whose frames have more
fields than it allows: for them those are no problem, for ours they are.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.interop.installed import Installed
from tests.interop.wire import Recorded

SCRIPT = Path(__file__).with_name("validate.mjs")
Item = tuple[str, Any]

FRAMES = {"req": "RequestFrame", "res": "ResponseFrame", "event": "EventFrame"}
RESULTS = {
    "connect": "HelloOk",
    "agents.list": "AgentsListResult",
    "models.list": "ModelsListResult",
    "commands.list": "CommandsListResult",
    "channels.status": "ChannelsStatusResult",
    "logs.tail": "LogsTailResult",
    "question.list": "QuestionListResult",
    "sessions.resolve": "SessionsResolveResult",
    "sessions.create": "SessionsCreateResult",
    "sessions.delete": "SessionsDeleteResult",
}
# What the schema's closed objects say of a field that is not theirs.
MORE = "must NOT have additional properties"
# Where OpenClaw's gateway itself is not as the schema says: a field that its command line reads, an uneven number.
EXCUSED = {
    f'/auth {MORE} {{"additionalProperty":"method"}}',
    '/eventLoop/intervalMs must be integer {"type":"integer"}',
}
# Where in an answer there are rows, and what each of them is.
ROWS = {
    "system-presence": ("", "PresenceEntry"),
    "sessions.list": ("sessions", "SessionRow"),
    "cron.list": ("jobs", "CronJob"),
}
EVENTS = {
    "tick": "TickEvent",
    "chat": "ChatEvent",
    "shutdown": "ShutdownEvent",
    "device.pair.requested": "DevicePairRequestedEvent",
    "device.pair.resolved": "DevicePairResolvedEvent",
}


def problems(installed: Installed, recorded: Iterable[Recorded], *, is_newer: bool = False) -> list[str]:
    """Return what is wrong with the frames that a server sent, a line for each; a newer server's may hold more."""
    methods: dict[str, str] = {}
    checked: list[tuple[dict[str, Any], Item]] = []
    for each in recorded:
        if each.is_close:
            continue
        frame = each.frame
        if each.from_server:
            checked.extend((frame, item) for item in items(frame, methods))
        else:
            methods[frame["id"]] = frame["method"]
    verdicts = validate(installed, (item for _, item in checked))
    counted = (
        (frame, definition, [each for each in errors if each not in EXCUSED and not (is_newer and MORE in each)])
        for (frame, (definition, _)), errors in zip(checked, verdicts, strict=True)
    )
    return [
        f"{definition}: {'; '.join(errors[:5])} in {json.dumps(frame)[:300]}"
        for frame, definition, errors in counted
        if errors
    ]


def items(frame: dict[str, Any], methods: dict[str, str]) -> Iterator[Item]:
    """Yield the parts of a frame that the schema knows, each with the name of its definition."""
    yield FRAMES[frame["type"]], frame
    payload: Any = frame.get("payload")
    if frame["type"] == "event" and frame["event"] in EVENTS:
        yield EVENTS[frame["event"]], payload
    if frame["type"] == "res" and frame["ok"]:
        method = methods[frame["id"]]
        if method in RESULTS:
            yield RESULTS[method], payload
        if method in ROWS:
            name, definition = ROWS[method]
            yield from ((definition, row) for row in (payload[name] if name else payload))


def validate(installed: Installed, values: Iterable[Item]) -> list[list[str]]:
    """Return the errors of each value; [] for one that is as its definition says."""
    asked = [{"definition": definition, "value": value} for definition, value in values]
    done = subprocess.run(
        [installed.node, str(SCRIPT)],
        input=json.dumps({"modules": str(installed.modules), "items": asked}),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    verdicts: list[list[str]] = json.loads(done.stdout)
    return verdicts
