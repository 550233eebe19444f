"""Point-in-time recovery of PostgreSQL: base backups, and the server's own archive of its log, in our stores.

The server puts each finished file of its log into CLAW_WAL_DIR by its `archive_command`, which is plain shell so that
nothing of ours has to be installed beside a server. The worker of a machine that sees the folder encrypts the files,
brings them to the stores and removes them; once a day it takes a base backup by pg_basebackup. A recovery makes a data
directory that a server of the same version starts with, and goes to the moment by itself.
"""
