"""The tools of transaction-guardian. Each one is a chat command, run with the rights of the person who talks."""

TOOLS = [
    {
        "name": "status",
        "description": "Health, uptime, transactions per minute, approval rate, anomalies and alerts of the systems.",
        "effect": "read",
        "role": "viewer",
        "command": "status",
    },
    {
        "name": "alerts",
        "description": "The alerts that are active now, with severity and age; of one system or of all.",
        "effect": "read",
        "role": "viewer",
        "parameters": {
            "type": "object",
            "properties": {
                "system": {"type": "string", "pattern": "^[a-z0-9-]+$", "maxLength": 64, "description": "A system."}
            },
        },
        "command": "alerts {system}",
    },
    {
        "name": "anomalies",
        "description": "What was unusual in a period: time, kind, scores, state, duration.",
        "effect": "read",
        "role": "viewer",
        "parameters": {
            "type": "object",
            "properties": {
                "period": {
                    "type": "string",
                    "pattern": "^[0-9]{1,3}[mhd]$",
                    "maxLength": 4,
                    "description": "30m, 2h, 7d.",
                }
            },
        },
        "command": "anomalies {period}",
    },
    {
        "name": "metrics",
        "description": "A named metric such as the approval rate: value, change and a chart in the chat.",
        "effect": "read",
        "role": "viewer",
        "parameters": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "maxLength": 80, "description": "The metric's name or plain words for it."},
                "period": {
                    "type": "string",
                    "pattern": "^[0-9]{1,3}[mhd]$",
                    "maxLength": 4,
                    "description": "30m, 2h, 7d.",
                },
            },
        },
        "command": "metrics {name} {period}",
    },
    {
        "name": "runbook",
        "description": "Start a runbook by its name. A person is asked first; its steps appear in the chat.",
        "effect": "destructive",
        "role": "operator",
        "per_minute": 6,
        "parameters": {
            "type": "object",
            "properties": {
                "name": {
                    "type": "string",
                    "pattern": "^[a-z0-9][a-z0-9-]*$",
                    "maxLength": 64,
                    "description": "The runbook.",
                },
                "parameters": {
                    "type": "string",
                    "pattern": "^[A-Za-z0-9_=.: -]*$",
                    "maxLength": 200,
                    "description": "Its parameters as name=value, with blanks between them.",
                },
            },
            "required": ["name"],
        },
        "command": "runbook run {name} {parameters}",
    },
    {
        "name": "incident",
        "description": "Open an incident with one clear sentence about what is wrong.",
        "effect": "write",
        "role": "operator",
        "per_minute": 6,
        "parameters": {
            "type": "object",
            "properties": {
                # In front of the sentence, so that no sentence is read as an order such as "resolve 12".
                "severity": {"type": "string", "enum": ["P1", "P2", "P3", "P4"], "description": "P1 is the worst."},
                "sentence": {"type": "string", "minLength": 8, "maxLength": 200, "description": "What is wrong."},
            },
            "required": ["severity", "sentence"],
        },
        "command": "incident {severity} {sentence}",
    },
    {
        "name": "briefing",
        "description": "The briefing of the shift: traffic, anomalies, incidents, points of attention, pending work.",
        "effect": "write",
        "role": "viewer",
        "command": "briefing",
    },
]
