"""The values a run is given: read from text or JSON, checked against what the runbook declares, with its defaults."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from clawsite.core.errors import BadInput
from runbooks.books.spec import BookError, Parameter
from runbooks.books.substitution import Value

MAX_CHARS = 500
_TRUE = frozenset({"true", "yes", "on", "1", "sim", "да"})
_FALSE = frozenset({"false", "no", "off", "0", "não", "nao", "нет"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]")
# What is tried on texts that somebody chose must not take for ever: no repeats of groups, no references.
_COSTLY = re.compile(r"\)[*+{?]|\\[1-9]|\(\?")
# Each of these multiplies the ways in which a text is tried: by its length, by nine, or by two.
_SET = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_CHOICES = (
    (re.compile(r"[*+]|\{\d*,(?:\d\d+)?\}"), MAX_CHARS),
    (re.compile(r"\{\d*,\d\}"), 9),
    (re.compile(r"[?|]"), 2),
)
MOST_WAYS = MAX_CHARS**3


def read_values(declared: Sequence[Parameter], given: Mapping[str, Any]) -> dict[str, Value]:
    """Return a value for every parameter; BadInput names the first one that is missing, unknown or not right."""
    known = {each.name for each in declared}
    for name in given:
        if name not in known:
            listed = ", ".join(sorted(known)) or _("none")
            raise BadInput(
                _("There is no parameter named {name}. Parameters: {names}.").format(
                    name=repr(str(name)[:40]), names=listed
                )
            )
    return {each.name: _value(each, given.get(each.name)) for each in declared}


def _value(parameter: Parameter, given: Any) -> Value:
    if given is None or given == "":
        if parameter.default is None:
            raise BadInput(_missing(parameter))
        given = parameter.default
    try:
        return read_value(parameter, given)
    except ValueError as error:
        raise BadInput(_("The parameter {name} {problem}.").format(name=repr(parameter.name), problem=error)) from None


def _missing(parameter: Parameter) -> str:
    name, choices = repr(parameter.name), ", ".join(parameter.choices)
    if choices:
        return _("The parameter {name} is missing (one of: {choices}).").format(name=name, choices=choices)
    return _("The parameter {name} is missing.").format(name=name)


def read_value(parameter: Parameter, given: Any) -> Value:
    """Return one value in its type; ValueError says what is wrong with it."""
    if parameter.type == "boolean":
        return _boolean(given)
    if parameter.type in ("integer", "number"):
        return _number(parameter, given)
    return _text(parameter, given)


def _boolean(given: Any) -> bool:
    if isinstance(given, bool):
        return given
    word = str(given).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError(_("must be yes or no"))


def _number(parameter: Parameter, given: Any) -> int | float:
    whole = parameter.type == "integer"
    if isinstance(given, bool) or not isinstance(given, int | float | str) or len(str(given)) > 30:
        raise ValueError(_("must be a whole number") if whole else _("must be a number"))
    try:
        number = float(str(given).strip())
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or (whole and not number.is_integer()) or abs(number) >= 2**53:
        raise ValueError(_("must be a whole number") if whole else _("must be a number"))
    if parameter.min is not None and number < parameter.min:
        raise ValueError(_("must be at least {number}").format(number=f"{parameter.min:g}"))
    if parameter.max is not None and number > parameter.max:
        raise ValueError(_("must be at most {number}").format(number=f"{parameter.max:g}"))
    return int(number) if whole else number


def _text(parameter: Parameter, given: Any) -> str:
    if not isinstance(given, str | int | float) or isinstance(given, bool):
        raise ValueError(_("must be a text"))
    text = str(given)
    if parameter.type == "choice":
        if text not in parameter.choices:
            raise ValueError(_("must be one of: {names}").format(names=", ".join(parameter.choices)))
        return text
    if len(text) > MAX_CHARS or _CONTROL.search(text):
        raise ValueError(_("must be one line of at most {count} characters").format(count=MAX_CHARS))
    if parameter.pattern:
        if not re.fullmatch(parameter.pattern, text):
            raise ValueError(_("must look like {pattern}").format(pattern=parameter.pattern))
    elif text.startswith("-"):
        raise ValueError(_("must not begin with a dash"))
    return text


def check_parameter(parameter: Parameter) -> None:
    """Raise BookError when a declaration contradicts itself."""
    if (parameter.type == "choice") != bool(parameter.choices):
        raise BookError("choices belong to the type choice, which needs some", ("choices",))
    if parameter.pattern:
        _check_pattern(parameter)
    if parameter.required and parameter.default is not None:
        raise BookError("what has a default is not required", ("default",))
    if not parameter.required and parameter.default is None:
        raise BookError("say required: true, or give a default", ("name",))
    if parameter.default is not None:
        try:
            read_value(parameter, parameter.default)
        except ValueError as error:
            raise BookError(_("the default {problem}").format(problem=error), ("default",)) from None


def _check_pattern(parameter: Parameter) -> None:
    if parameter.type != "string":
        raise BookError("a pattern belongs to the type string", ("pattern",))
    if _COSTLY.search(parameter.pattern):
        raise BookError("a pattern repeats no groups and refers to none", ("pattern",))
    plain = _SET.sub("x", parameter.pattern)
    if math.prod(ways ** len(choice.findall(plain)) for choice, ways in _CHOICES) > MOST_WAYS:
        raise BookError("a pattern has three of * and + at most, or fewer with other choices", ("pattern",))
    try:
        re.compile(parameter.pattern)
    except (re.error, OverflowError) as error:
        raise BookError(f"this is not a pattern: {error}", ("pattern",)) from None


def sample(parameter: Parameter) -> Value:
    """Return a value of the right type, to check the shape of steps with before anybody gave one."""
    if parameter.default is not None:
        return read_value(parameter, parameter.default)
    if parameter.type == "choice":
        return parameter.choices[0]
    if parameter.type == "boolean":
        return True
    if parameter.type == "string":
        return "x"
    low = parameter.min if parameter.min is not None else min(1.0, parameter.max if parameter.max is not None else 1.0)
    return math.ceil(low) if parameter.type == "integer" else low
