"""`manage.py postgreslog`: what PostgreSQL needs to archive its log for us, and a data directory of any moment."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings

from clawsite.core.errors import NotConfigured
from clawsite.management.base import Subcommands
from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.identity import key_path, read_identity
from clawsite.ops.backups.joined import Joined
from clawsite.ops.backups.moments import parse_moment
from clawsite.ops.backups.places import all_stores
from clawsite.ops.shipping.postgres.archiving import archive_settings, bases
from clawsite.ops.shipping.postgres.clusters import LOG, make_cluster


class Command(Subcommands):
    """Needs no database: the server may be what is gone."""

    help = "Say how PostgreSQL archives its log, and make a data directory as it was at a moment."

    def verbs(self) -> dict[str, tuple[str, Callable[[ArgumentParser], None], Callable[[dict[str, Any]], None]]]:
        """Return the subcommands."""
        return {
            "settings": ("print the lines for postgresql.conf", lambda parser: None, self.tell_settings),
            "recover": ("make a data directory from the stores", _declare_recover, self.recover),
        }

    def tell_settings(self, options: dict[str, Any]) -> None:
        """Print what the server's configuration needs."""
        if not settings.CLAW_WAL_DIR:
            raise NotConfigured("Set CLAW_WAL_DIR to the folder that the server shall fill.")
        folder = Path(settings.CLAW_WAL_DIR)
        self.say(f"# {folder} needs a group that the server's user and clawsite's are in: chgrp GROUP, chmod 2770.")
        for name, value in archive_settings(folder).items():
            self.say(f"{name} = '{value}'")

    def recover(self, options: dict[str, Any]) -> None:
        """Make the data directory."""
        identity = read_identity(Path(options["identity"]) if options["identity"] else key_path())
        until = parse_moment(options["until"]) if options["until"] else None
        stores = Joined(all_stores())
        if not bases(stores):
            raise BackupFailed("No store has a base backup of PostgreSQL: see CLAW_BACKUP_DIR and CLAW_BACKUP_S3.")
        target = Path(options["directory"]).absolute()
        made = make_cluster(
            stores, target, identity=identity, until=until, timeline=options["timeline"], proven=not options["unsealed"]
        )
        self.say(f"Made {target} from a base backup and {made.files} files of the log, for timeline {made.timeline}.")
        for sentence in stores.tell_spoilt():
            self.say(sentence)
        self.say("Give it to the server's user, and start a server of the same version on it. It reads the log up to")
        self.say(
            f"the moment and serves then; {LOG} in it may be removed. DATABASE_URL must lead to it before clawsite"
        )
        self.say("starts.")


def _declare_recover(parser: ArgumentParser) -> None:
    parser.add_argument("directory", help="the data directory that is to be made")
    parser.add_argument("--until", metavar="TIME", help='such as "2026-11-26 14:03:20"; without it as far as it goes')
    parser.add_argument(
        "--timeline",
        type=int,
        metavar="N",
        help="one of before an earlier recovery, for what that left behind: 1 is the first; without it the newest",
    )
    parser.add_argument("--identity", metavar="FILE", help="the age identity that opens it (CLAW_HOME/backup.key)")
    parser.add_argument("--unsealed", action="store_true", help="trust what was encrypted for CLAW_BACKUP_RECIPIENT")
