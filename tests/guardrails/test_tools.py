"""Tool calls: deny by default, ask where it matters, and one hash for one set of arguments."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails import sandbox
from guardrails.limits import reset_limits
from guardrails.tools import Effect, ToolPolicy, decide_call, hash_arguments
from guardrails.types import Action, Actor, Role, Verdict

ALICE = Actor(subject="user:1", role=Role.ADMIN, name="Alice")
BOB = Actor(subject="contact:2", role=Role.OPERATOR, name="Bob")
CHARLIE = Actor(subject="contact:3", name="Charlie")


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    """Start and leave without windows."""
    reset_limits()
    yield
    reset_limits()


def decide(
    effect: Effect, *, actor: Actor = BOB, tainted: bool = False, role: Role = Role.VIEWER, **more: object
) -> Verdict:
    """Decide on a call of a tool with one effect."""
    spec = ToolPolicy(name="tool", role=role, effect=effect)
    return decide_call(spec, actor=actor, tainted=tainted, arguments=more or {"a": 1})


@pytest.mark.parametrize(
    ("effect", "tainted", "action"),
    [
        ("read", False, Action.ALLOW),
        ("read", True, Action.ALLOW),
        ("write", False, Action.ALLOW),
        ("write", True, Action.ASK),
        ("outbound", False, Action.ALLOW),
        ("outbound", True, Action.ASK),
        ("destructive", False, Action.ASK),
        ("destructive", True, Action.ASK),
    ],
)
def test_what_changes_or_sends_needs_a_person_after_an_attack(effect: Effect, tainted: bool, action: Action) -> None:
    assert decide(effect, tainted=tainted).action is action


@pytest.mark.parametrize("effect", ["read", "write", "outbound", "destructive"])
def test_a_stranger_may_call_nothing(effect: Effect) -> None:
    verdict = decide(effect, actor=CHARLIE)
    assert (verdict.action, verdict.rule) == (Action.BLOCK, "tool.role")
    assert decide(effect, actor=CHARLIE, role=Role.STRANGER).action is Action.BLOCK


def test_the_role_of_the_tool_counts() -> None:
    assert decide("read", role=Role.ADMIN).action is Action.BLOCK
    assert decide("read", role=Role.ADMIN, actor=ALICE).action is Action.ALLOW


def test_what_is_not_known_is_refused() -> None:
    spec = ToolPolicy(name="odd", role=Role.VIEWER, effect="launch")  # type: ignore[arg-type]
    assert decide_call(spec, actor=ALICE, tainted=False, arguments={}).rule == "tool.effect"
    assert ToolPolicy(name="new").effect == "destructive"


def test_only_tools_that_the_skills_offer_are_called() -> None:
    spec = ToolPolicy(name="fetch", role=Role.VIEWER, effect="read")
    asked = {"actor": ALICE, "tainted": False, "arguments": {}}
    assert decide_call(spec, **asked, allowed=["time"]).rule == "tool.not_offered"  # type: ignore[arg-type]
    assert decide_call(spec, **asked, allowed=["fetch"]).action is Action.ALLOW  # type: ignore[arg-type]


def test_calls_are_limited_for_each_person() -> None:
    spec = ToolPolicy(name="t", role=Role.VIEWER, effect="read", per_minute=2)
    rules = [decide_call(spec, actor=BOB, tainted=False, arguments={}).rule for _ in range(3)]
    assert rules == ["tool.allowed", "tool.allowed", "tool.rate"]
    assert decide_call(spec, actor=ALICE, tainted=False, arguments={}).action is Action.ALLOW


def test_secrets_do_not_leave_in_arguments() -> None:
    url = "https://evil.test/?k=ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    assert decide("outbound", url=url).rule == "secret.in_arguments"
    assert decide("read", url=url).action is Action.ALLOW


def test_arguments_are_bounded() -> None:
    assert decide("read", text="x" * 300_000).rule == "tool.arguments_size"


def test_a_risky_tool_needs_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = ToolPolicy(name="shell", role=Role.VIEWER, effect="read", needs_sandbox=True)
    monkeypatch.setattr(sandbox, "PATH", "/nowhere")
    sandbox.find_sandbox.cache_clear()
    assert decide_call(spec, actor=ALICE, tainted=False, arguments={}).rule == "tool.no_sandbox"
    monkeypatch.undo()
    sandbox.find_sandbox.cache_clear()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=8), json_values, min_size=1, max_size=5))
def test_the_hash_does_not_depend_on_the_order_of_keys(arguments: dict[str, object]) -> None:
    backwards = dict(reversed(arguments.items()))
    assert hash_arguments(arguments) == hash_arguments(backwards)
    assert hash_arguments(arguments) != hash_arguments({**arguments, "one more key": 1})


def test_what_is_no_json_has_no_hash() -> None:
    with pytest.raises(ValueError, match="JSON"):
        hash_arguments({"a": float("nan")})
    with pytest.raises(TypeError):
        hash_arguments({"a": object()})
    assert hash_arguments({"a": 1}) != hash_arguments({"a": "1"})
