"""Folders of instructions and tools that an admin installed, as they were when they were looked at.

Invariant: what the model is told is the text of the row, which somebody has read; the files on disk count only while
their digest is the row's. `Session.skills` holds the keys of the skills that are on in a conversation: a skill that is
removed and installed again has another key and is on nowhere.
"""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Skill(models.Model):
    """One skill. It is installed switched off; whoever enables it was shown its text and what its tools may do."""

    name = models.CharField(max_length=64, unique=True)
    description = models.CharField(max_length=1024)
    license = models.CharField(max_length=500, blank=True)
    body = models.TextField(help_text="The instructions, as they stand in SKILL.md.")
    metadata = models.JSONField(default=dict, blank=True)
    allowed_tools = models.JSONField(default=list, blank=True, help_text="Tools of the product it may use.")
    tools = models.JSONField(default=list, blank=True, help_text="Its own tools with what each may do.")
    files = models.JSONField(default=list, blank=True, help_text="Name and size of every file.")
    findings = models.JSONField(default=list, blank=True, help_text="What a reader should look at twice.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of all files as they were installed.")
    enabled = models.BooleanField(default=False)
    off_reason = models.CharField(max_length=200, blank=True, help_text="Why the system switched it off.")
    source = models.CharField(max_length=300, blank=True, help_text="The folder it came from.")
    installed_by = models.CharField(max_length=64, blank=True)
    installed_at = models.DateTimeField(default=timezone.now)
    enabled_by = models.CharField(max_length=64, blank=True)
    enabled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """By name, as people look for them."""

        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
