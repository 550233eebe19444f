"""Telegram: the only package that imports python-telegram-bot, and only at first use."""
