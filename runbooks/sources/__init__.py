"""What is asked of the systems that are watched: their own health and numbers, Prometheus, Alertmanager.

Everything here is synchronous and for jobs: never inside a transaction, never in an event loop.
"""
