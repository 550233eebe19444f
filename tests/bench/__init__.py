"""Benchmarks: numbers are ratios taken in one run, because machines differ and drift."""
