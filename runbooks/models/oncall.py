"""Who is woken: people, the rota that says whose turn it is, policies of escalation, and escalations under way."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from clawsite.core.zones import is_time_zone
from runbooks.alerts.matching import find_matcher_mistake
from runbooks.models.alert import AlertGroup
from runbooks.models.system import MonitoredSystem
from sessions_app.models import Contact

MOST_REPEATS = 5
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Responder(models.Model):
    """A person who can be woken, in their direct chat. In their quiet hours only what is critical reaches them."""

    name = models.SlugField(max_length=64, unique=True)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    enabled = models.BooleanField(default=True)

    class Meta:
        """Named by rotas and policies."""

        ordering = ["name"]

    def __str__(self) -> str:
        return str(self.contact) if self.name == f"contact-{self.contact_id}" else self.name


class Rota(models.Model):
    """Whose turn it is, hour by hour, on the wall clock of one place."""

    name = models.SlugField(max_length=64, unique=True)
    time_zone = models.CharField(max_length=64, blank=True, help_text="Such as America/Sao_Paulo. Empty: TIME_ZONE.")

    class Meta:
        """There are few of them."""

        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Say what is wrong with the time zone."""
        if self.time_zone and not is_time_zone(self.time_zone):
            raise ValidationError({"time_zone": "Use a name such as America/Sao_Paulo."})


class Shift(models.Model):
    """One person's hours, on these days of the week. One that ends before it begins goes over midnight.

    `every_weeks` makes a rotation: the shift comes in the week of `first_day` and in each n-th after it.
    """

    rota = models.ForeignKey(Rota, on_delete=models.CASCADE, related_name="shifts")
    responder = models.ForeignKey(Responder, on_delete=models.CASCADE, related_name="shifts")
    days = models.JSONField(default=list, help_text='Days on which it begins: ["monday", "friday"].')
    starts = models.TimeField()
    ends = models.TimeField(help_text="Before the beginning: on the next day. The same: after 24 hours.")
    every_weeks = models.PositiveSmallIntegerField(default=1, validators=[MinValueValidator(1), MaxValueValidator(52)])
    first_day = models.DateField(default=timezone.localdate)
    last_day = models.DateField(null=True, blank=True)

    class Meta:
        """Of two that overlap the one that began later holds."""

        ordering = ["rota_id", "starts", "id"]

    def __str__(self) -> str:
        return f"{self.responder} {self.starts:%H:%M}-{self.ends:%H:%M}"

    def clean(self) -> None:
        """Say what is wrong with the days."""
        if not isinstance(self.days, list) or not self.days or not set(self.days) <= set(DAYS):
            raise ValidationError({"days": f"Name at least one of: {', '.join(DAYS)}."})


class Swap(models.Model):
    """Somebody takes over for a while; the swap made last holds."""

    rota = models.ForeignKey(Rota, on_delete=models.CASCADE, related_name="swaps")
    responder = models.ForeignKey(Responder, on_delete=models.CASCADE, related_name="swaps")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    created_by = models.CharField(max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        """Asked by rota and time."""

        ordering = ["-id"]
        indexes = [models.Index(fields=["rota", "ends_at"], name="swap_of_rota")]

    def __str__(self) -> str:
        return f"{self.responder} {self.starts_at:%Y-%m-%d %H:%M}"

    def clean(self) -> None:
        """An end comes after its beginning."""
        begins, ends = (getattr(self, name, None) for name in ("starts_at", "ends_at"))
        if begins is not None and ends is not None and ends <= begins:
            raise ValidationError({"ends_at": "It must end after it begins."})


class EscalationPolicy(models.Model):
    """Who hears of a group that nobody takes on, and when. The first policy that fits a group is frozen with it."""

    name = models.SlugField(max_length=64, unique=True)
    order = models.PositiveSmallIntegerField(default=100, help_text="The lowest that fits is taken.")
    enabled = models.BooleanField(default=True)
    least = models.CharField(
        "least severity", max_length=8, choices=AlertGroup.Severity.choices, default=AlertGroup.Severity.CRITICAL
    )
    system = models.ForeignKey(MonitoredSystem, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    matchers = models.JSONField(default=list, blank=True, help_text='Such as ["team=payments"].')
    repeats = models.PositiveSmallIntegerField(
        default=2, validators=[MaxValueValidator(MOST_REPEATS)], help_text="How often the steps come again: 5 at most."
    )
    remind_minutes = models.PositiveSmallIntegerField(
        default=60, help_text="Who acknowledged is reminded so often while it still fires, 5 times at most. 0: never."
    )

    class Meta:
        """There are few of them."""

        ordering = ["order", "id"]
        verbose_name = "escalation policy"
        verbose_name_plural = "escalation policies"

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Say which condition cannot be read."""
        if mistake := find_matcher_mistake(self.matchers):
            raise ValidationError({"matchers": mistake})


class EscalationStep(models.Model):
    """Whom a step tells, and how long after the step before it (the first: after the group began)."""

    policy = models.ForeignKey(EscalationPolicy, on_delete=models.CASCADE, related_name="steps")
    order = models.PositiveSmallIntegerField(default=1)
    after_minutes = models.PositiveSmallIntegerField(default=5)
    rota = models.ForeignKey(Rota, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    responder = models.ForeignKey(Responder, null=True, blank=True, on_delete=models.CASCADE, related_name="+")

    class Meta:
        """A step tells whose turn it is in a rota, or one person."""

        ordering = ["order", "id"]
        constraints = [
            models.CheckConstraint(
                name="escalation_step_one",
                condition=models.Q(rota__isnull=True) ^ models.Q(responder__isnull=True),
                violation_error_message="Choose a rota or a person, one of them.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.after_minutes} min: {self.rota or self.responder}"


class Escalation(models.Model):
    """The steps of one opening of a group, as they were when it began: later changes of the policy do not touch it."""

    class State(models.TextChoices):
        """Whether it goes on."""

        RUNNING = "running", "Running"
        STOPPED = "stopped", "Stopped"
        DONE = "done", "All steps done"

    group = models.ForeignKey(AlertGroup, on_delete=models.CASCADE, related_name="escalations")
    policy = models.CharField(max_length=64)
    steps = models.JSONField()
    repeats = models.PositiveSmallIntegerField(default=0)
    remind_minutes = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    why = models.CharField(max_length=32, blank=True)
    round = models.PositiveSmallIntegerField(default=0)
    step = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveSmallIntegerField(default=0, help_text="How often its step failed in a row.")
    started_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """One runs for a group; the index serves the clock."""

        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["group"], name="escalation_running", condition=models.Q(state="running"))
        ]
        indexes = [
            models.Index(fields=["next_at"], name="escalation_due", condition=models.Q(state="running")),
        ]

    def __str__(self) -> str:
        return f"{self.policy} of group {self.group_id}"
