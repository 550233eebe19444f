"""The Bot API emulator against the real python-telegram-bot."""
