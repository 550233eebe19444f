"""A runbook as a value: what its YAML says, and what its rows say. Only shapes are checked here, by their types."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from clawsite.core.errors import BadInput

NAME = r"^[a-z0-9]+(?:[-_][a-z0-9]+)*$"
PARAMETER = r"^[a-z][a-z0-9_]{0,31}$"
MAX_STEPS = 50

_PATH = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")

Title = Annotated[str, Meta(min_length=1, max_length=120)]
Kind = Literal["command", "http", "wait", "prometheus", "approval", "message", "runbook"]
Place = tuple[str | int, ...]


class BookError(BadInput):
    """Something in a runbook is not right; `place` leads to it, such as ("steps", 1, "with", "argv")."""

    def __init__(self, message: str, place: Place = ()) -> None:
        super().__init__(message)
        self.place = place


class Parameter(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A value that is given when it runs. Texts may begin with a dash only where a pattern or the choices say so."""

    name: Annotated[str, Meta(pattern=PARAMETER)]
    type: Literal["string", "integer", "number", "boolean", "choice"] = "string"
    title: Annotated[str, Meta(max_length=120)] = ""
    required: bool = False
    default: str | int | float | bool | None = None
    choices: Annotated[list[str], Meta(max_length=50)] = []
    pattern: Annotated[str, Meta(max_length=200)] = ""
    min: float | None = None
    max: float | None = None


class Undo(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A step that undoes another one."""

    title: Title
    kind: Literal["command", "http", "wait", "message"]
    with_: dict[str, Any] = msgspec.field(name="with", default_factory=dict)
    timeout: Annotated[float, Meta(gt=0, le=1800)] = 60.0
    retries: Annotated[int, Meta(ge=0, le=20)] = 0
    pause: Annotated[float, Meta(ge=0, le=600)] = 2.0
    repeatable: bool | None = None
    host: Annotated[list[Title], Meta(max_length=20)] = []


class Step(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One step. with: what its kind takes. host: programs that a command may run outside of the sandbox."""

    title: Title
    kind: Kind
    with_: dict[str, Any] = msgspec.field(name="with", default_factory=dict)
    timeout: Annotated[float, Meta(gt=0, le=86_400)] = 60.0
    retries: Annotated[int, Meta(ge=0, le=20)] = 0
    pause: Annotated[float, Meta(ge=0, le=600)] = 2.0
    repeatable: bool | None = None
    host: Annotated[list[Title], Meta(max_length=20)] = []
    on_failure: Literal["rollback", "stop", "continue"] = "rollback"
    rollback: Undo | None = None


class Book(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A whole runbook. rollback_on_cancel: whether a run that is cancelled undoes the steps that were done."""

    name: Annotated[str, Meta(pattern=NAME, max_length=64)]
    title: Title
    description: Annotated[str, Meta(max_length=4000)] = ""
    enabled: bool = True
    role: Literal["operator", "admin"] = "operator"
    target: Annotated[str, Meta(max_length=100)] = ""
    labels: dict[str, str] = {}
    rollback_on_cancel: bool = False
    parameters: Annotated[list[Parameter], Meta(max_length=20)] = []
    steps: Annotated[list[Step], Meta(min_length=1, max_length=MAX_STEPS)]


def to_json(value: msgspec.Struct) -> dict[str, Any]:
    """Return a runbook, step or parameter as JSON, without what has its default."""
    made: dict[str, Any] = {}
    for field in msgspec.structs.fields(value):
        each = getattr(value, field.name)
        default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        if each != default or isinstance(each, bool) != isinstance(default, bool):
            made[field.encode_name] = _plain(each)
    return made


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return to_json(value)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def convert_book(value: Any) -> Book:
    """Return the runbook that JSON describes; BookError names the place where it does not."""
    try:
        return msgspec.convert(value, Book)
    except msgspec.ValidationError as error:
        raise to_book_error(error) from None


def to_book_error(error: msgspec.ValidationError, place: Place = ()) -> BookError:
    """Return an error of shape in our words, with its place."""
    text, _, path = str(error).partition(" - at `$")
    steps = (int(number) if number else key for key, number in _PATH.findall(path.rstrip("`")) if key or number)
    hint = " (put it in quotes)" if re.match(r"Expected `str`, got `(?:int|float|bool)`", text) else ""
    return BookError(text[:1].lower() + text[1:].replace("`", "") + hint, (*place, *steps))
