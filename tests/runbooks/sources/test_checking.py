"""Rows of systems and queries: each wrong field has its sentence."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from runbooks.models import MonitoredSystem, NamedQuery

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "a b", "letters, digits"),
        ("health_url", "guardian/health", "Only http and https"),
        ("stats_url", "http://user:word@guardian/", "without a password"),
        ("prometheus_url", "http://guardian /", "no address has"),
        ("alertmanager_url", "http://guardian/#alerts", "no part after #"),
        ("labels", ["system"], "pairs of a name and a value"),
        ("labels", {"a-b": "x"}, "cannot be the name of a label"),
        ("labels", {"a": ""}, "a text of 1 to"),
        ("labels", {"a": 1}, "a text of 1 to"),
        ("labels", {f"l{n}": "x" for n in range(31)}, "at most 30"),
    ],
)
def test_each_wrong_field_of_a_system(field: str, value: Any, sentence: str) -> None:
    row = MonitoredSystem(**{"name": "guardian", field: value})
    with pytest.raises(ValidationError) as caught:
        row.full_clean()
    assert sentence in str(caught.value.message_dict[field])


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "", "blank"),
        ("promql", "  ", "must not be empty"),
        ("words", "traffic", "can be 30 names"),
        ("words", [""], "1 to 200 visible"),
        ("words", ["a\nb"], "1 to 200 visible"),
    ],
)
def test_each_wrong_field_of_a_query(field: str, value: Any, sentence: str) -> None:
    system = MonitoredSystem.objects.create(name="guardian")
    row = NamedQuery(**{"system": system, "name": "traffic", "promql": "up", field: value})
    with pytest.raises(ValidationError) as caught:
        row.full_clean()
    assert sentence in str(caught.value.message_dict[field])


def test_what_is_right_is_taken() -> None:
    system = MonitoredSystem(
        name="guardian", labels={"system": "transaction-guardian"}, prometheus_url="http://10.0.0.7:9090/prom"
    )
    system.full_clean()
    system.save()
    NamedQuery(system=system, name="traffic", promql="up", words=["трафик", "tráfego"]).full_clean()
