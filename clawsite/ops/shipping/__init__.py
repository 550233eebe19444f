"""Point-in-time recovery: what is committed is copied away every few seconds, between one snapshot and the next.

On SQLite this reads the write-ahead log. Readers of our own keep SQLite from beginning the log anew before all of it
is copied (`hold.py`), which is how Litestream works too. Litestream itself is a program for which no registry that we
install from has a package; and what is written here ends in the stores, the format and the encryption of backups.

A *chain* is a series of *segments* without a gap, each with the newest image of every page that changed since the one
before. A *snapshot* is the whole database after a segment. Recovery takes the newest snapshot before the wanted moment
and lays the segments after it on top. Whoever cannot tell that nothing is missing begins a new chain.
"""
