"""What people typed, in the files that a command writes."""

from __future__ import annotations

import pytest

from clawsite.core.errors import BadInput
from runbooks.books.parameters import read_values
from runbooks.workspaces.gitops.documents import read_document
from runbooks.workspaces.gitops.filling import fill, fill_path, write_files
from tests.runbooks.workspaces.gitops.papers import SCALE, with_change

FILES = {"deploy/web.yaml": "image: web\nreplicas: 1\r\nport: 80\n", "CHANGES": "first"}


def written(text: str, **given: str) -> dict[str, str | None]:
    spec = read_document(text, file="x.yaml").spec
    made = write_files(spec.changes, read_values(spec.parameters, given), read=FILES.get)
    return {each.path: each.text for each in made}


def test_lines_are_replaced_and_appended() -> None:
    assert written(SCALE, service="web", count="3") == {
        "deploy/web.yaml": "image: web\nreplicas: 3\r\nport: 80\n",
        "CHANGES": "first\nweb has 3 copies {{now}}\n",
    }


def test_later_changes_see_earlier_ones() -> None:
    changes = "    - {path: new, write: 'a'}\n    - {path: new, append: 'b'}\n    - {path: CHANGES, delete: true}\n"

    assert written(with_change(changes), service="web", count="3") == {"new": "a\nb", "CHANGES": None}


def test_a_line_that_is_not_there_once_is_not_replaced() -> None:
    with pytest.raises(BadInput, match=r"There is no file deploy/api\.yaml"):
        written(SCALE, service="api", count="3")
    twice = "    - path: deploy/web.yaml\n      line: {starts: '', becomes: x}\n"
    with pytest.raises(BadInput):
        written(with_change(twice), service="web", count="3")
    many = "    - path: deploy/web.yaml\n      line: {starts: 'p', becomes: x}\n"
    assert written(with_change(many), service="web", count="3")["deploy/web.yaml"] == "image: web\nreplicas: 1\r\nx\n"
    none = "    - path: deploy/web.yaml\n      line: {starts: 'zz', becomes: x}\n"
    with pytest.raises(BadInput, match=r"0 lines of deploy/web\.yaml"):
        written(with_change(none), service="web", count="3")


@pytest.mark.parametrize("value", ["../../etc/passwd", "a/b", "web\nreplicas: 99", "web; id", "", "-web", "WEB"])
def test_a_value_that_the_document_does_not_allow_is_refused(value: str) -> None:
    with pytest.raises(BadInput):
        written(SCALE, service=value, count="3")


def test_a_value_adds_no_folder() -> None:
    with pytest.raises(BadInput):
        fill_path("a/{x}.txt", {"x": "../b"})


def test_only_names_in_single_braces_are_replaced() -> None:
    assert fill('{x} {{x}} { x } {} {"x": 1} ${x}', {"x": 1}) == '1 {{x}} { x } {} {"x": 1} $1'
