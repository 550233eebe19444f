"""Tests of the job that shows a metric."""
