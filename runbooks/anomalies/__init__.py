"""Anomalies of named queries: found by pure functions on points, kept as rows by a periodic watch."""
