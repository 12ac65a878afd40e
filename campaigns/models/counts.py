"""What stats read: campaigns seen, counts as they come in, and the same counts rolled up."""

from django.db import models

from providers.models import Provider


class Campaign(models.Model):
    """A campaign that messages belong to. CleverTap puts its id into every msgId, and never its name."""

    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, db_index=False)
    code = models.CharField("campaign id", max_length=64, help_text="As CleverTap writes it in msgId.")
    name = models.CharField(max_length=120, blank=True, help_text="Given by an operator.")
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(help_text="Rounded to the minute.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "code"], name="campaign_once")]
        indexes = [
            models.Index(fields=["last_seen_at"], name="campaign_last_seen"),
            models.Index(fields=["code"], name="campaign_code"),
        ]
        permissions = [
            ("view_stats", "Can see stats"),
            ("export_stats", "Can export stats and the messages behind them"),
        ]

    def __str__(self) -> str:
        return self.name or self.code


class StatCount(models.Model):
    """A change of one figure, written in the transaction that caused it; soon folded into points."""

    class Metric(models.IntegerChoices):
        """Some have a `code`: why a message failed, or its bucket (campaigns.counting.buckets). The prices
        have category and type as their `url`, as in `marketing/regular`; failures the BSP's own code, as in
        `meta/131026`."""

        ACCEPTED = 1
        SUBMITTED = 2
        SENT = 3
        DELIVERED = 4
        READ = 5
        CLICKED = 6
        CLICKED_UNIQUE = 7
        REFUSED = 8
        NOT_SENT = 9
        UNDELIVERED = 10
        REPLIED = 11
        CONTROL_GROUP = 12
        TIME_TO_SENT = 13
        TIME_TO_DELIVERED = 14
        TIME_TO_READ = 15
        URL_CLICKED = 16
        URL_CLICKED_UNIQUE = 17
        PRICED = 18

    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, db_index=False)
    minute = models.DateTimeField()
    campaign = models.CharField(max_length=64, blank=True)
    variant = models.CharField(max_length=32, blank=True)
    template = models.CharField(max_length=512, blank=True)
    metric = models.SmallIntegerField(choices=Metric.choices)
    code = models.SmallIntegerField(default=0)
    url = models.CharField(max_length=200, blank=True)
    count = models.IntegerField()

    class Meta:
        indexes = [models.Index(fields=["minute"], name="stat_minute")]

    def __str__(self) -> str:
        return f"{self.get_metric_display()} {self.count:+}"


class StatScope(models.Model):
    """What a point is about. Each count is in one scope of each level."""

    class Level(models.IntegerChoices):
        """From coarse to fine. A figure is read from the coarsest level that knows its filters."""

        TOTAL = 1
        PROVIDER = 2
        TEMPLATE = 3
        CAMPAIGN = 4

    level = models.SmallIntegerField(choices=Level.choices)
    # A provider with counts cannot be deleted: its counts are also part of those of all providers.
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, null=True, db_index=False)
    conversation = models.BooleanField(help_text="Freeform: of no campaign and no template.")
    campaign = models.CharField(max_length=64, blank=True)
    variant = models.CharField(max_length=32, blank=True)
    template = models.CharField(max_length=512, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["level", "campaign", "template", "variant", "provider", "conversation"],
                name="stat_scope_once",
            ),
            models.UniqueConstraint(
                fields=["conversation"], condition=models.Q(provider=None), name="stat_scope_total_once"
            ),
            models.CheckConstraint(
                condition=models.Q(level=1, provider=None) | models.Q(level__gt=1, provider__isnull=False),
                name="stat_scope_total_of_all",
            ),
        ]

    def __str__(self) -> str:
        return " / ".join(filter(None, [self.campaign, self.variant, self.template])) or "everything"


class Span(models.IntegerChoices):
    """How long a point lasts, in minutes; each is a whole number of those before it.

    In every time zone, days begin at a quarter of an hour by UTC. Spans of three hours fill most of such
    a day, so that few points make it up.
    """

    MINUTE = 1
    QUARTER = 15
    THREE_HOURS = 180
    DAY = 1440
    WEEK = 10080


class StatPoint(models.Model):
    """The figures of a scope in a span of time that begins at `at`, by UTC."""

    scope = models.ForeignKey(StatScope, on_delete=models.CASCADE, db_index=False)
    span = models.SmallIntegerField(choices=Span.choices)
    at = models.DateTimeField()
    accepted = models.IntegerField(default=0)
    submitted = models.IntegerField(default=0)
    sent = models.IntegerField(default=0)
    delivered = models.IntegerField(default=0)
    viewed = models.IntegerField(default=0)
    clicked_total = models.IntegerField(default=0)
    clicked_unique = models.IntegerField(default=0)
    replied = models.IntegerField(default=0)
    control_group = models.IntegerField(default=0)
    refused = models.IntegerField(default=0)
    not_sent = models.IntegerField(default=0)
    undelivered = models.IntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "span", "at"], name="stat_point_once")]
        indexes = [models.Index(fields=["span", "at"], name="stat_point_at")]

    def __str__(self) -> str:
        return f"{self.get_span_display()} from {self.at:%Y-%m-%d %H:%M}"


class StatDetail(models.Model):
    """What a point's figures are made of: failures by code, times by bucket, clicks by URL."""

    scope = models.ForeignKey(StatScope, on_delete=models.CASCADE, db_index=False)
    span = models.SmallIntegerField(choices=Span.choices)
    at = models.DateTimeField()
    metric = models.SmallIntegerField(choices=StatCount.Metric.choices)
    code = models.SmallIntegerField(default=0)
    url = models.CharField(max_length=200, blank=True)
    count = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "span", "metric", "at", "code", "url"], name="stat_detail_once"
            )
        ]
        indexes = [models.Index(fields=["span", "metric", "at"], name="stat_detail_at")]

    def __str__(self) -> str:
        return f"{self.get_metric_display()} {self.code or self.url}: {self.count}"
