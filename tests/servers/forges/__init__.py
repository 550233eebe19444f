"""GitHub Actions and GitLab CI on loopback: runs and pipelines that begin, wait, fail and end as they are told."""

from __future__ import annotations

from tests.servers.forges.github import GitHubServer
from tests.servers.forges.gitlab import GitLabServer

__all__ = ["GitHubServer", "GitLabServer"]
