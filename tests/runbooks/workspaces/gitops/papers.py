"""Documents of commands as people would write them."""

from __future__ import annotations

DEPLOY = """\
apiVersion: openclaw.dev/v1
kind: TelegramCommand
metadata:
  name: deploy-production
spec:
  command: /deploy
  args: [production]
  gitOps:
    createBranch: true
    autoMerge: false
    requireApproval: true
"""

SCALE = """\
apiVersion: clawsite.dev/v1
kind: TelegramCommand
metadata:
  name: scale
spec:
  command: /scale
  description: Change how many copies of a service run
  title: Run {count} copies of {service}
  parameters:
    - {name: service, type: string, pattern: "[a-z]{1,20}", required: true}
    - {name: count, type: integer, min: 1, max: 9, required: true}
  gitOps:
    autoMerge: true
    requireApproval: true
  changes:
    - path: deploy/{service}.yaml
      line:
        starts: "replicas:"
        becomes: "replicas: {count}"
    - path: CHANGES
      append: |
        {service} has {count} copies {{now}}
"""


def swapped(before: str, after: str) -> str:
    """Return SCALE with one piece of text replaced."""
    assert before in SCALE
    return SCALE.replace(before, after)


def with_change(lines: str) -> str:
    """Return SCALE with other changes."""
    return SCALE.partition("  changes:\n")[0] + "  changes:\n" + lines
