"""Named queries as people ask for them: a value, how it changed, and a chart, shown as a card by a job."""

from runbooks.metrics.job import METRICS, NAME, ask_metric, card_key

__all__ = ["METRICS", "NAME", "ask_metric", "card_key"]
