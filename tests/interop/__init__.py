"""Beside the real OpenClaw: its command line against our gateway, our client against its gateway.

OpenClaw is put into .cache/openclaw by .ci/openclaw/install.
"""
