"""What is counted while it happens. Labels hold kinds and names of ours only, never people, chats or text.

Every metric has a label: one without would be written where this is imported, before its file has all its blocks.
"""

from __future__ import annotations

from prometheus_client import Counter, Histogram

_SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_LONG = (0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1800, 3600, 14400)

# --- Messages and turns -----------------------------------------------------------------------------------------
MESSAGES = Counter("claw_messages", "Messages by kind of channel; direction is in or out.", ["channel", "direction"])
TURNS = Counter("claw_turns", "Turns by outcome.", ["outcome"])
STAGE_SECONDS = Histogram("claw_stage_seconds", "Time of one stage of the pipeline.", ["stage"], buckets=_SHORT)
INTAKE_SECONDS = Histogram(
    "claw_intake_wait_seconds", "From the arrival of a message to the work on it.", ["channel"], buckets=_SHORT
)
DELIVERY_SECONDS = Histogram(
    "claw_delivery_seconds", "From an answer's row to its place in the chat.", ["channel"], buckets=_SHORT
)
VERDICTS = Counter("claw_verdicts", "Verdicts of guards other than allow.", ["stage", "rule", "action"])

# --- What is asked of others ------------------------------------------------------------------------------------
CHANNEL_CALLS = Counter("claw_channel_calls", "Messages brought to a platform, by how it went.", ["channel", "outcome"])
MODEL_CALLS = Counter("claw_model_calls", "Calls of the model by how they went.", ["model", "outcome"])
MODEL_SECONDS = Histogram("claw_model_seconds", "Time of one call of the model.", ["model"], buckets=_SHORT)
MODEL_TOKENS = Counter("claw_model_tokens", "Tokens of the model: input, output or cached.", ["model", "kind"])
MODEL_COST = Counter("claw_model_cost_usd", "Money spent on the model, in US dollars.", ["model"])
TOOL_CALLS = Counter("claw_tool_calls", "Calls of tools by how they went.", ["tool", "outcome"])
TOOL_SECONDS = Histogram("claw_tool_seconds", "Time of one call of a tool.", ["tool"], buckets=_SHORT)

# --- Jobs and deliveries of other systems -----------------------------------------------------------------------
JOBS = Counter("claw_jobs", "Jobs that ended, by kind and state.", ["kind", "outcome"])
JOB_SECONDS = Histogram("claw_job_seconds", "Time from the first start of a job to its end.", ["kind"], buckets=_LONG)
ALERTS = Counter("claw_alert_deliveries", "Deliveries of alerts by what came of them.", ["outcome"])
CI_DELIVERIES = Counter("claw_ci_deliveries", "Deliveries of forges by what they told.", ["outcome"])

# --- The gateway ------------------------------------------------------------------------------------------------
GATEWAY_REQUESTS = Counter("claw_gateway_requests", "Requests over the gateway's sockets.", ["method", "outcome"])
GATEWAY_DROPPED = Counter("claw_gateway_dropped_events", "Events that slow clients of the gateway missed.", ["event"])
GATEWAY_REFUSALS = Counter("claw_gateway_refusals", "Handshakes refused and clients closed, by reason.", ["reason"])
RATE_REFUSALS = Counter("claw_rate_refusals", "Requests refused by a rate limit, by its name.", ["limit"])

# --- Processes --------------------------------------------------------------------------------------------------
STARTS = Counter("claw_process_starts", "Starts of processes by role.", ["role"])
LOG_LINES = Counter("claw_log_lines", "Lines of the log that warn of something, by level.", ["level"])


def observe(stage: str, seconds: float) -> None:
    """Record how long one stage took."""
    STAGE_SECONDS.labels(stage).observe(seconds)
