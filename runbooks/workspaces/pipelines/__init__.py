"""Pipelines of projects: at GitHub, at GitLab, or run here; what forges tell of them, and what people do with them."""
