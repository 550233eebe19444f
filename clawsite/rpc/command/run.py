"""One call, one watched job, or a conversation; the exit code says how it went."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from clawsite.rpc.blocking import BlockingClient
from clawsite.rpc.command.options import Defaults, make_parser, make_target, read_params
from clawsite.rpc.command.show import DONE, FAILED, REFUSED, STOPPED, Screen, code_of
from clawsite.rpc.errors import BadTarget, ClientError, HandshakeRefused
from clawsite.rpc.frames import HANDSHAKE_SECONDS
from clawsite.rpc.hello import Identity

IDENTITY = Identity(client_id="cli", mode="cli", display_name="clawsite rpc")
NO_TOKEN = ("AUTH_TOKEN_MISSING", "AUTH_REQUIRED", "AUTH_TOKEN_MISMATCH")


def main(argv: Sequence[str], *, prog: str, defaults: Defaults) -> int:
    """Do what the command line says and return the exit code."""
    parser = make_parser(prog, defaults)
    options = parser.parse_intermixed_args(argv)  # METHOD --token-file FILE JSON is fine, too
    screen = Screen(as_json=options.json, as_frames=options.raw)
    try:
        code = _run(parser, options, screen, defaults)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Who read along has left. Keep Python from complaining when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        return STOPPED


def _run(parser: ArgumentParser, options: Namespace, screen: Screen, defaults: Defaults) -> int:
    if options.watch == "" and not options.method:
        parser.error("--watch needs a job, or a method whose answer holds one")
    try:
        params = read_params(options.params)
        target = make_target(options, defaults)
    except (ValueError, BadTarget) as error:
        parser.error(str(error))
    wait = min(options.timeout or HANDSHAKE_SECONDS, HANDSHAKE_SECONDS)
    client = BlockingClient(
        target, identity=IDENTITY, handshake_seconds=wait, on_frame=screen.frame if options.raw else None
    )
    try:
        client.connect(timeout=options.timeout)
        return _work(client, options, params, screen, defaults)
    except ClientError as error:
        return fail(screen, error, defaults)
    finally:
        client.close()


def _work(
    client: BlockingClient, options: Namespace, params: dict[str, Any], screen: Screen, defaults: Defaults
) -> int:
    if not options.method and options.watch is None:
        # Loaded only when somebody converses.
        from clawsite.rpc.command.prompt import converse  # noqa: PLC0415

        return converse(client, screen, defaults)
    job_id = options.watch
    if options.method:
        answer = client.request(options.method, params, timeout=options.timeout, expect_final=options.final)
        screen.answer(answer)
        job_id = job_id or (find_job(answer) if job_id is not None else None)
        if job_id is None:
            return DONE
    return watch(client, job_id, options.after, screen)


def watch(client: BlockingClient, job_id: str, after: int, screen: Screen) -> int:
    """Show a job's events to the end; a job that did not succeed is a failure."""
    if not job_id:
        screen.note("There is no job in the answer to watch.")
        return FAILED
    state = ""
    for event in client.subscribe(job_id, after):
        screen.event(event)
        if event.kind == "end" and isinstance(event.data, dict):
            state = event.data.get("state", "")
    if not state:
        state = client.request("jobs.status", {"id": job_id})["job"]["state"]
    return DONE if state == "succeeded" else FAILED


def find_job(answer: Any) -> str:
    """Return the id of the job in an answer, or ""."""
    job = answer.get("job") if isinstance(answer, dict) else None
    return str(job.get("id", "")) if isinstance(job, dict) else ""


def fail(screen: Screen, error: ClientError, defaults: Defaults) -> int:
    """Show an error, with what to do about a missing token, and return its exit code."""
    is_token = isinstance(error, HandshakeRefused) and error.detail_code in NO_TOKEN
    code = code_of(error)
    screen.error(error, hint=defaults.auth_hint if is_token and code == REFUSED else "")
    return code
