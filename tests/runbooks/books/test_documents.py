"""Runbooks as YAML: what is wrong is said with its line and step, and writing what was read gives the same again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawsite.core.errors import BadInput
from clawsite.core.models import AuditEvent
from runbooks.books import matching, read_book, save_book, to_book, write_book
from runbooks.books.documents import read_yaml
from runbooks.books.ready import read_folder, ready_folder
from runbooks.books.spec import convert_book, to_json
from runbooks.models import Runbook
from tests.runbooks.books.making import ECHO, book, saved, step
from tests.runbooks.people import ALICE

GOOD = """\
name: restart-api
title: Restart
parameters:
  - name: count
    type: integer
    default: 2
steps:
  - title: Saying
    kind: command
    with:
      argv: [echo, "{count}"]
  - title: Asking
    kind: http
    with:
      url: http://127.0.0.1:1/health
"""
WRONG = {
    "name: restart-api": ("name: Restart API", r"line 1: name: expected str matching regex"),
    "title: Restart": ("titel: Restart", r"line 1: object contains unknown field|line 1: object missing"),
    "type: integer": ("type: int", r"line 5: parameter 1 \(count\): type: invalid enum value 'int'"),
    "default: 2": ("default: two", r"line 6: parameter 1 \(count\): default: the default must be a whole number"),
    '"{count}"]': ('"{cuont}"]', r"line 11: step 1 \(Saying\): with.argv.2: there is no parameter named 'cuont'"),
    "argv: [echo": ("argv: [5", None),
    "kind: http": ("kind: htpp", r"line 13: step 2 \(Asking\): kind: invalid enum value 'htpp'"),
    "url: http": ("url: ftp", r"line 15: step 2 \(Asking\): with.url: url is a whole http"),
    "      url: http://127.0.0.1:1/health": ("      urls: x", r"line 14: step 2 \(Asking\): with: object contains"),
    "  - title: Asking": ("  - title: A\n    title: B", r"line 13, column 5: 'title' stands here twice"),
    "    kind: command": ("   kind: command", r"line 9, column 4: "),
    "title: Saying": ("title: &a Saying\n    x: *a", r"no anchors and aliases"),
    "steps:": ("steps: !!python/object:os.system", r"line 7, column 8: values of the type .*os.system are not used"),
}  # fmt: skip


@pytest.mark.parametrize("old", WRONG)
def test_a_mistake_is_named_with_its_line_and_step(old: str) -> None:
    new, reason = WRONG[old]
    assert old in GOOD
    with pytest.raises(BadInput, match=reason or "line"):
        read_book(GOOD.replace(old, new, 1))


@pytest.mark.parametrize(
    "text", ["", "- a", "just words", "a: [", "\x00", "a: 1\n" * 100_000, "? [x]\n: y", "x: 2024-01-01"]
)
def test_what_is_no_runbook_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(BadInput, match=r"\.$"):
        read_book(text)


@given(st.text(max_size=200))
def test_no_text_breaks_the_reading(text: str) -> None:
    with pytest.raises(BadInput):
        read_book(text)


@pytest.mark.parametrize(
    "word", ["yes", "no", "on", "2024-01-01", "0755", "1e3", "null", "~", "1:30", "true", "12", "a: b", "#x"]
)
def test_words_survive_writing_and_reading(word: str) -> None:
    made = book(step("command", argv=["echo", word]), description=word)
    assert read_book(write_book(made)) == made


def test_the_ready_made_ones_are_right_and_come_back_the_same(db: None) -> None:
    found = read_folder(ready_folder())
    assert [each.name for each in found] == [
        "clear-cache", "disk-space", "log-tail", "restart-api", "scale-workers", "service-health",
    ]  # fmt: skip
    for each in found:
        row = save_book(each, actor=ALICE)
        assert to_book(row) == each == read_book(write_book(each)) == convert_book(to_json(each))


def test_a_folder_names_the_file_of_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(GOOD.replace("kind: http", "kind: x"), encoding="utf-8")
    with pytest.raises(BadInput, match=r"^bad\.yaml, line 13: step 2"):
        read_folder(tmp_path)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (step("wait"), "give one of seconds, http and prometheus"),
        (step("http", url="http://x/{a}"), "without parameters"),
        (step("http", url="http://x", base="self"), "give either url or base"),
        (step("http", base="self", headers={"A": {"secret": "ANTHROPIC_API_KEY"}}), "with.headers"),
        (
            step("http", base="{a}", headers={"A": {"secret": "RUNBOOK_A"}}),
            "a secret goes to a base that is written out",
        ),
        (step("wait", http={"base": "self", "method": "POST"}), "say repeatable: true"),
        (step("prometheus", system="s", query="up", named="x", op=">", value=1), "give either query or named"),
        (step("command", argv=["{a}"]), "the program itself must be written out"),
        (step("message", text="{b}"), "there is no parameter named 'b'"),
        (step("wait", seconds=5, host=["x"]), "only a command runs on the host"),
        (step("command", argv=["true"], timeout=80_000), "together are 22.2 hours"),
        (step("approval", count=9), "with.count"),
    ],
)
def test_steps_that_make_no_sense_are_refused(db: None, wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        saved(wrong, parameters=[{"name": "a", "required": True}])
    assert not Runbook.objects.exists()


def test_the_same_again_changes_nothing_and_a_change_is_a_version(db: None) -> None:
    saved(ECHO)
    saved(ECHO)
    assert saved(ECHO, ECHO).version == 2
    assert list(AuditEvent.objects.values_list("action", flat=True).order_by("pk")) == [
        "runbook.create",
        "runbook.change",
    ]


def test_alerts_find_what_fits_them_the_most_exact_first(db: None) -> None:
    saved(ECHO, name="any")
    saved(ECHO, name="api", labels={"service": "api"})
    saved(ECHO, name="api-slow", labels={"service": "api", "alertname": "SlowApi"})
    saved(ECHO, name="off", labels={"service": "api"}, enabled=False)
    labels = {"service": "api", "alertname": "SlowApi", "severity": "critical"}
    assert [row.name for row in matching(labels)] == ["api-slow", "api"]
    assert matching({"service": "db"}) == []


@pytest.mark.parametrize("text", ["[" * 20_000, "{" * 5_000, "a: " + "[" * 41 + "]" * 41])
def test_what_is_nested_deeply_is_refused_before_it_is_built(text: str) -> None:
    with pytest.raises(BadInput, match="nested 40 levels deep at most"):
        read_yaml(text)
