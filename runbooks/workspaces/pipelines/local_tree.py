"""The files that a pipeline works on: its commit, exported into a folder of its own, away from every branch.

They outlive a failure, so that the failed stage can be run again on what the stages before it have made; the next
pipeline of the project removes them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from runbooks.models import Pipeline
from runbooks.workspaces.deploys.releases import export_commit
from runbooks.workspaces.git.trees import remove_files
from runbooks.workspaces.pipelines.values import State
from runbooks.workspaces.roots import job_tree


def tree_of_pipeline(row: Pipeline) -> Path:
    """Return where the files of a pipeline are."""
    return job_tree(row.project, f"pipeline-{row.pk}")


def has_tree(row: Pipeline) -> bool:
    """Tell whether the files are there, whole."""
    return tree_of_pipeline(row).is_dir()


def export_tree(row: Pipeline, *, check: Callable[[], None]) -> Path:
    """Write the files of the commit; the folder has its name only once they are all there."""
    tree = tree_of_pipeline(row)
    if tree.is_dir():
        return tree
    draft = tree.with_name(f"{tree.name}-draft")
    remove_files(draft)
    export_commit(row.project, row.commit, draft, check=check)
    draft.rename(tree)
    return tree


def remove_tree(row: Pipeline) -> None:
    """Remove the files of a pipeline."""
    remove_files(tree_of_pipeline(row))


def remove_old_trees(row: Pipeline) -> None:
    """Remove what failed pipelines before this one have left."""
    failed = Pipeline.objects.select_related("project").filter(
        project=row.project, provider=row.provider, state=State.FAILED, pk__lt=row.pk
    )
    for old in failed.order_by("-pk")[:20]:
        remove_tree(old)
