"""Saying something in the chat in which the run was started."""

from __future__ import annotations

from typing import Annotated

import msgspec
from django.db import transaction
from msgspec import Meta

from runbooks.books.steps.base import StepContext, StepKind
from sessions_app.cards import put_card


class Message(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is said; parameters may stand anywhere in it."""

    text: Annotated[str, Meta(min_length=1, max_length=2000)]
    silent: bool = False


def run(ctx: StepContext, given: Message) -> str:
    """Put the message; the same step of the same run says it once, however often it is done."""
    ctx.say(given.text)
    if ctx.run.session_id is not None:
        with transaction.atomic():
            put_card(
                f"{ctx.run.ref}:{ctx.place}",
                session_id=ctx.run.session_id,
                kind="run-message",
                data={"title": ctx.run.title, "text": given.text},
                silent=given.silent,
            )
    return ""


def describe(given: Message) -> str:
    """Show the text."""
    return given.text


MESSAGE = StepKind(name="message", params=Message, run=run, describe=describe, texts=("text",))
