"""/code: the model works on a project, on a branch of its own, and what passes the tests is merged.

A job of the kind `agent_code` runs the same loop as a conversation (`bots.agent`), with tools for one folder: the job's
working tree. Every change is a commit. Nothing of the model's runs outside of the sandbox, and nothing it was told by a
file gives it a right that the person who asked does not have.
"""
