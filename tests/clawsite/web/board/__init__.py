"""The dashboard: its figures, its history and its socket."""
