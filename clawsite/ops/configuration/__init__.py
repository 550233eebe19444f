"""Configuration as files: what admins decide, as readable YAML in a git repository, and back again.

Secrets, conversations and what the system notes by itself are in none of them. The repository under CLAW_HOME/config
follows the rows: each change is a commit with its author. Taking files in is whole or not at all, and what was before
is tagged `last-good`.
"""

from clawsite.ops.configuration.files import read_folder, write_folder
from clawsite.ops.configuration.following import commit_now, keep_following_config
from clawsite.ops.configuration.state import Outcome, Refused, differences, take_in, texts_now

__all__ = [
    "Outcome",
    "Refused",
    "commit_now",
    "differences",
    "keep_following_config",
    "read_folder",
    "take_in",
    "texts_now",
    "write_folder",
]
