"""What is looked up for one scrape, such as the depth of a queue. Each gauge is declared, so that all can be listed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

Sample = tuple[tuple[str, ...], float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Gauge:
    """One number by labels. `only_grows` makes it a counter, whose name in a scrape ends in `_total`."""

    name: str
    text: str
    labels: tuple[str, ...]
    only_grows: bool = False

    def show(self, samples: Iterable[Sample]) -> Metric:
        """Return its numbers now: the values of the labels in their order, and the number."""
        family = CounterMetricFamily if self.only_grows else GaugeMetricFamily
        metric = family(self.name, self.text, labels=self.labels)
        for values, number in samples:
            metric.add_metric(values, number)
        return metric

    def one(self, number: float) -> Metric:
        """Return its number now, for one that has no labels."""
        return self.show([((), number)])


GAUGES: dict[str, Gauge] = {}


def declare(name: str, text: str, *labels: str, only_grows: bool = False) -> Gauge:
    """Declare a gauge once, under a name of its own."""
    if name in GAUGES:
        raise ValueError(f"There are two gauges named {name}.")
    GAUGES[name] = Gauge(name=name, text=text, labels=labels, only_grows=only_grows)
    return GAUGES[name]
