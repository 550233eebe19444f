"""Conversations of programs over the gateway. There is no platform: clients read message rows and hear events."""
