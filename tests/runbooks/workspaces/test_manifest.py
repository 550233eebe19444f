"""claw.yaml: what it may say, and how it is told where it is wrong. It is read from what is committed."""

from __future__ import annotations

import pytest

from clawsite.core.errors import BadInput
from runbooks.workspaces.manifest import Command, parse_manifest, read_manifest
from runbooks.workspaces.roots import tree_of
from tests.runbooks.workspaces.making import commit, project, write

GOOD = """
name: shop
type: python-package
setup: {argv: [python, -m, pip, install, -r, requirements.txt], seconds: 600}
test: {argv: [python, -m, pytest, -q]}
allow:
  - [python, -m, pytest]
environments:
  staging:
    deploy: {argv: [./deploy, staging]}
    health: {url: "http://127.0.0.1:8000/health", seconds: 5}
    logs: {file: logs/app.log}
  production:
    after: [staging]
    approval: true
    logs: {argv: [tail, -n, "100", app.log]}
stages:
  - {name: test, argv: [python, -m, pytest]}
  - {name: ship, argv: [./ship], manual: true}
"""


def test_a_whole_manifest() -> None:
    made = parse_manifest(GOOD.encode())

    assert made.test == Command(argv=["python", "-m", "pytest", "-q"], seconds=300)
    assert made.allow == [["python", "-m", "pytest"]]
    staging, production = made.environments.values()
    assert staging.health is not None
    assert (staging.health.seconds, staging.logs and staging.logs.command) == (5, None)
    assert production.logs is not None
    assert production.logs.command == Command(argv=["tail", "-n", "100", "app.log"], seconds=30)
    assert (production.after, production.approval) == (["staging"], True)
    assert [stage.manual for stage in made.stages] == [False, True]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("name: Shop!", "claw.yaml, line 1: name: "),
        ("type: x", "missing required field name"),
        ("name: shop\ntest: pytest", "line 2: test: expected object"),
        ("name: shop\ntest:\n  argv: []", "line 3: test.argv: "),
        ("name: shop\ntests: {}", "unknown field tests"),
        ("name: shop\nallow:\n  - pytest", "line 3: allow.1: expected array"),
        ("name: shop\ntest: {argv: [sleep, 1]}", "put it in quotes"),
        ("name: shop\ntest: {argv: [x], seconds: 99999}", "line 2: test.seconds: "),
        ("name: shop\nenvironments:\n  live: {after: [test]}", "environments.live.after: there is no other"),
        ("name: shop\nenvironments: {a: {after: [b]}, b: {after: [a]}}", "it comes after itself"),
        ("name: shop\nenvironments: {a: {logs: {}}}", "say either a file or argv"),
        ("name: shop\nenvironments: {a: {logs: {file: ../../secret}}}", "the file lies in the environment's"),
        ("name: shop\nenvironments: {a: {health: {url: 'file:///etc'}}}", "line 2: environments.health.url: "),
        ("name: shop\nstages: [{name: a, argv: [x]}, {name: a, argv: [y]}]", "stages.2.name: there are two stages"),
        ("name: &a shop\ntype: *a", "no anchors"),
        ("name: shop\nname: blog", "stands here twice"),
        ("- a", "claw.yaml: line 1: a manifest is a mapping"),
        ("name: [", "claw.yaml: line "),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, error: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_manifest(text.encode())
    assert error in caught.value.message


def test_neither_too_much_nor_no_text() -> None:
    for data in (b"name: \xff", b"#" * 70_000):
        with pytest.raises(BadInput):
            parse_manifest(data)


@pytest.mark.django_db
def test_it_is_read_from_what_is_committed_to_the_branch() -> None:
    made = project(files={"claw.yaml": "name: shop\nallow: [[pytest]]\n"})
    write(tree_of(made), {"claw.yaml": "name: shop\nallow: [[sudo]]\n"})

    assert read_manifest(made).allow == [["pytest"]]
    sha = commit(made, "Widen.")
    assert read_manifest(made, sha).allow == [["sudo"]]
    assert read_manifest(made, f"{sha}^").allow == [["pytest"]]
    (tree_of(made) / "claw.yaml").unlink()
    commit(made, "Remove.")
    with pytest.raises(BadInput, match=r"shop has no claw\.yaml"):
        read_manifest(made)
