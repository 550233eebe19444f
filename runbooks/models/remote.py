"""Where a project's repository is kept besides: the address, what it is entered with, and how the two stand."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from clawsite.core.crypto import EncryptedTextField
from clawsite.core.errors import ClawError
from runbooks.models.project import Project
from runbooks.workspaces.sync.addresses import check_allowed, read_address


class Remote(models.Model):
    """The remote of one project. `due_at` is when its branch is to be pushed; empty while there is nothing to push.

    A host is spoken to only when its key is among `host_keys`; `offered_keys` are those it showed and that nobody has
    approved yet. `told` says that people know of the trouble and are to hear of its end.
    """

    class State(models.TextChoices):
        """How the last exchange went."""

        NEW = "new", "Not tried yet"
        OK = "ok", "The same"
        AWAY = "away", "Not to be reached"
        DENIED = "denied", "Does not let us in"
        NEW_HOST = "new_host", "Its host key waits for approval"
        HOST_KEY = "host_key", "Shows another host key"
        DIVERGED = "diverged", "Has changes that are not here"
        REJECTED = "rejected", "Does not take the changes"
        FAILED = "failed", "Failed"

    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="remote")
    url = models.CharField(max_length=500, help_text="git@host:path, https://host/path, or another allowed address.")
    enabled = models.BooleanField(default=True)
    user = models.CharField(max_length=64, blank=True, help_text="For https, where the forge wants a certain name.")
    token = EncryptedTextField(blank=True)
    private_key = EncryptedTextField(blank=True)
    public_key = models.TextField(blank=True)
    host_keys = models.JSONField(default=list, blank=True)
    offered_keys = models.JSONField(default=list, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.NEW)
    error = models.TextField(blank=True)
    tries = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    told = models.BooleanField(default=False)
    due_at = models.DateTimeField(null=True, blank=True)
    pushed_sha = models.CharField(max_length=64, blank=True)
    pushed_at = models.DateTimeField(null=True, blank=True)
    ahead = models.PositiveIntegerField(default=0)
    behind = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """The index serves the ticker."""

        ordering = ["id"]
        indexes = [models.Index(fields=["due_at"], name="remote_due", condition=models.Q(due_at__isnull=False))]

    def __str__(self) -> str:
        return self.url

    @property
    def ref(self) -> str:
        """The string by which the audit log names it."""
        return f"remote:{self.pk}"

    def clean(self) -> None:
        """Store the one spelling of an allowed address; a token is one line."""
        try:
            address = read_address(self.url)
            check_allowed(address, settings.CLAW_GIT_REMOTES)
        except ClawError as error:
            raise ValidationError({"url": error.message}) from None
        self.url = address.url
        if not self.token.isprintable() or not self.user.isprintable():
            raise ValidationError({"token": "A token is one line."})  # nosec B105  # a sentence
