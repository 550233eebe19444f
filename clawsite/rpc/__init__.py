"""The gateway's wire and its client, without Django: usable alone by any program."""
