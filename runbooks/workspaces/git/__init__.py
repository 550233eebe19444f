"""Git, as the rest uses it: every call with a clean environment, no hooks, and places that we name.

Invariant: a branch moves by one atomic update of its reference, after all that it points to is stored; the files of
the branch follow, and are brought up to it when a process died in between.
"""

from runbooks.workspaces.git.calling import Completed, Conflict, GitFailed, alone, run_git
from runbooks.workspaces.git.commits import commit_all
from runbooks.workspaces.git.looking import FileStat, branch_head, diff, diff_stat, head, is_ancestor, is_clean, log
from runbooks.workspaces.git.merging import has_same_files, merge_branch, return_to
from runbooks.workspaces.git.repositories import init_repository, is_begun
from runbooks.workspaces.git.trees import add_worktree, clean_tree, refresh_tree, remove_worktree

__all__ = [
    "Completed",
    "Conflict",
    "FileStat",
    "GitFailed",
    "add_worktree",
    "alone",
    "branch_head",
    "clean_tree",
    "commit_all",
    "diff",
    "diff_stat",
    "has_same_files",
    "head",
    "init_repository",
    "is_ancestor",
    "is_begun",
    "is_clean",
    "log",
    "merge_branch",
    "refresh_tree",
    "remove_worktree",
    "return_to",
    "run_git",
]
