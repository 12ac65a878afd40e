"""Short links, and the clicks on them."""

from django.db import models

from campaigns.models.messages import Message


class Link(models.Model):
    """A short link of ours: one tracked button of one message, and where it leads."""

    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="links", db_index=False, db_constraint=False
    )
    token = models.CharField(max_length=32)
    path = models.CharField(max_length=32, help_text="The button: button.0, card.1.button.0.")
    url = models.TextField(help_text="What CleverTap sent, and where a click leads.")
    short_url = models.TextField(help_text="What the person was sent.")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    clicks = models.PositiveIntegerField(default=0, help_text="By people; previews are not counted.")
    first_clicked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "path"], name="link_once_per_button"),
            models.UniqueConstraint(fields=["token"], name="link_token"),
        ]
        indexes = [models.Index(fields=["expires_at"], name="link_expires")]

    def __str__(self) -> str:
        return f"link {self.token}"


class Click(models.Model):
    """One request for a short link."""

    link = models.ForeignKey(Link, on_delete=models.CASCADE, related_name="click_rows", db_constraint=False)
    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    at = models.DateTimeField()
    user_agent = models.CharField(max_length=500, blank=True)
    address = models.CharField(max_length=45, blank=True, help_text="Shortened: it identifies nobody.")
    preview = models.BooleanField(default=False, help_text="By a program that shows previews, not a person.")

    def __str__(self) -> str:
        return f"click on {self.link_id}"
