"""Documents of commands: what is read, and how each mistake and each trick is answered."""

from __future__ import annotations

import pytest

from clawsite.core.errors import BadInput
from runbooks.workspaces.gitops import builtins
from runbooks.workspaces.gitops.documents import MAX_BYTES, read_document
from tests.runbooks.workspaces.gitops.papers import DEPLOY, SCALE, swapped, with_change

FILE = ".claw/commands/scale.yaml"


@pytest.fixture(autouse=True)
def commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the commands that tests speak of, whatever the layer above brings."""
    monkeypatch.setattr(builtins, "_sources", [lambda: ["help", "Approve-Production"]])


def mistake(text: str) -> str:
    with pytest.raises(BadInput) as caught:
        read_document(text, file=FILE)
    return caught.value.message


def test_a_document_of_the_projects_own() -> None:
    document = read_document(SCALE, file=FILE)

    assert (document.command, document.line) == ("scale", "/scale")
    assert document.spec.git_ops.auto_merge
    assert [each.path for each in document.spec.changes] == ["deploy/{service}.yaml", "CHANGES"]


def test_the_document_for_a_deploy_to_production() -> None:
    document = read_document(DEPLOY, file=FILE)

    assert document.line == "/deploy production"
    assert (document.spec.git_ops.require_approval, document.spec.git_ops.auto_merge) == (True, False)


@pytest.mark.parametrize("line", ["approvals: 2", "allowSelf: true", "hours: 1"])
def test_what_a_policy_for_a_built_in_command_would_not_do_is_refused(line: str) -> None:
    assert "only requireApproval is used" in mistake(f"{DEPLOY}    {line}\n")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("kind: TelegramCommand", "kind: SlackCommand", "line 2: kind: invalid enum value 'SlackCommand'"),
        ("clawsite.dev/v1", "v9", "line 1: apiVersion: invalid enum value 'v9'"),
        ("  name: scale", "  name: Scale It", "line 4: metadata.name: "),
        ("command: /scale", "command: /scale;id", "line 6: spec.command: "),
        ("command: /scale", "command: /help", "line 6: spec.command: this built-in command takes no policy"),
        ("command: /scale", "command: /approve_production", "line 6: spec.command: this built-in command takes no"),
        ("command: /scale", "command: /deploy", "line 5: spec: a built-in command has its own parameters"),
        ("autoMerge: true", "autoMerge: maybe", "line 13: spec.gitOps.autoMerge: "),
        ("autoMerge: true", "forcePush: true", "object contains unknown field forcePush"),
        ("autoMerge: true", "createBranch: false", "what needs an approval needs a branch"),
        ("{service}\n", "{servce}\n", "line 8: spec.title: there is no parameter named 'servce'"),
        (', pattern: "[a-z]{1,20}"', "", "the parameter 'service' goes into a file: give it a pattern"),
        ('"[a-z]{1,20}"', '"([a-z]+)+"', "line 10: spec.parameters.1.pattern: a pattern repeats no groups"),
        ("name: count", "name: service", "line 11: spec.parameters.2.name: the name 'service' is taken"),
    ],
)
def test_a_mistake_is_said_with_its_line_and_place(before: str, after: str, said: str) -> None:
    message = mistake(swapped(before, after))

    assert message.startswith(f"{FILE}: line ")
    assert said in message


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "", ".git/hooks/post-checkout", "a/.GIT/config",
        ".gitmodules", ".claw/commands/scale.yaml", ".CLAW/x", "claw.yaml", "Claw.yaml", ".env", "a/.env.production",
        "id_rsa", ".ssh/authorized_keys", "tls/server.pem", "a\\\\..\\\\b", "a\\u202eb", "x/" * 40 + "y",
    ],
)  # fmt: skip
def test_a_path_outside_or_of_rules_and_keys_is_refused(path: str) -> None:
    assert ".path: " in mistake(with_change(f'    - path: "{path}"\n      write: x\n'))


def test_a_path_with_a_character_that_is_none_is_refused_at_its_place() -> None:
    assert "line 16, column 13" in mistake(with_change('    - path: "a\\0b"\n      write: x\n'))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("    - path: a\n", "say exactly one of"),
        ("    - path: a\n      write: x\n      delete: true\n", "say exactly one of"),
        ("    - path: a\n      line: {starts: x, becomes: \"a\\nb\"}\n", "a line has no line break"),
        ("    - path: a\n      mode: '0755'\n      write: x\n", "unknown field mode"),
        ("    - path: a\n      write: '{other}'\n", "no parameter named 'other'"),
    ],
)  # fmt: skip
def test_a_change_says_one_thing(change: str, said: str) -> None:
    assert said in mistake(with_change(change))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a\n- b\n",
        "a: &x [1]\nb: *x\n",
        "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n",
        "a: !!python/object/apply:os.system ['id']\n",
        "a: !!binary aGk=\n",
        "[" * 20_000,
        "{" * 5_000,
        "a: b: c\n",
        "? [a]\n: b\n",
        "a: 1\na: 2\n",
        "\x00",
        "%YAML 9.9\n---\na: 1\n",
        SCALE + "---\n" + SCALE,
        "x" * (MAX_BYTES + 1),
        SCALE.replace("append: |", f"append: {'y' * MAX_BYTES}\n      x: |"),
    ],
)
def test_a_hostile_text_is_an_error_with_its_file(text: str) -> None:
    message = mistake(text)

    assert message.startswith(f"{FILE}: ")
    assert len(message) < 500
