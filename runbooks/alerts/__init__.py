"""Alerts: from the stored delivery to a message in a chat, to the person who is woken for it."""
