"""Which commands run at once, which are asked about, which never run."""

from __future__ import annotations

from typing import cast

import pytest

from guardrails.commands import DEFAULTS, decide_command

OURS = (("python", "-m", "tool"), ("uvicorn",), ("git",), ("sh", "check.sh"), ("sudo", "x"))


@pytest.mark.parametrize("prefix", DEFAULTS)
def test_each_default_is_allowed(prefix: tuple[str, ...]) -> None:
    assert decide_command([*prefix, "tests/one.py"]).decision == "allow"


@pytest.mark.parametrize(
    "line",
    ["python -m pytest -q -x", "grep -rn x src", "python -m tool --fast", "uvicorn app:x", "sh check.sh", "git log"],
)
def test_what_is_listed_is_allowed(line: str) -> None:
    assert decide_command(line.split(), OURS).decision == "allow"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("python -c print(1)", "code"), ("python3.11 -c x", "code"), ("python -Ic x", "code"), ("python", "code"),
        ("python -", "code"), ("perl -e 1", "code"), ("perl -ne 1", "code"), ("node -e 1", "code"),
        ("node --eval=1", "code"), ("node -p 1", "code"), ("ruby -e 1", "code"), ("php -r 1", "code"),
        ("sh -c id", "shell"), ("bash x.sh", "shell"), ("busybox sh", "shell"),
        ("sed -i s/a/b/ f", "option"), ("sed -ni.bak p f", "option"), ("sed --in-place=x p f", "option"),
        ("git -C /etc status", "option"), ("git -c core.pager=x log", "option"), ("git --git-dir=x log", "option"),
        ("find . -exec rm {} ;", "option"), ("find . -delete", "option"), ("make test -f other", "option"),
        ("make test SHELL=/tmp/x", "option"), ("npm test --script-shell=./x", "option"), ("tar -I ./x -xf a", "option"),
        ("env python -m pytest", "launcher"), ("timeout 5 ls", "launcher"), ("xargs rm", "launcher"),
        ("./pytest", "path"), ("/tmp/ls", "path"), ("tree/ls", "path"),
        ("cat /etc/passwd", "outside"), ("cat ../secret", "outside"), ("pytest --rootdir=/etc", "outside"),
        ("ls ~/.ssh", "outside"), ("rm -rf x", "unlisted"), ("curl example.org", "unlisted"),
        ("python setup.py", "unlisted"), ("Pytest", "unlisted"), ("sh check.sh more", "shell"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_asked(line: str, reason: str) -> None:
    verdict = decide_command(line.split(), OURS)
    assert (verdict.decision, verdict.reason) == ("ask", reason)


@pytest.mark.parametrize(
    "line",
    ["sudo ls", "su root", "/usr/bin/sudo ls", "ssh host", "nc -l 1", "env sudo ls", "nice -n 5 mount x", "sudo x"],
)
def test_what_reaches_further_is_blocked_even_when_listed(line: str) -> None:
    assert decide_command(line.split(), OURS).decision == "block"


@pytest.mark.parametrize("argv", [[], "ls -l", ["ls\0"], ["ls", 1], [""]])
def test_what_is_no_argument_list_is_asked(argv: object) -> None:
    assert decide_command(cast("list[str]", argv), OURS).decision == "ask"
