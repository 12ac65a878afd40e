"""People on WhatsApp: which numbers and user ids are one person's, and the key that hides them."""

from django.db import models
from django.db.models import Q

from lib import phone
from providers.encrypted_fields import EncryptedJSONField


class Person(models.Model):
    """Somebody whose number and user id were told together, or one after the other."""

    phone = models.CharField(max_length=15, blank=True, help_text="The present number; empty if unknown.")
    username = models.CharField(max_length=100, blank=True)

    class Meta:
        indexes = [
            # `known.who`: a search by username.
            models.Index(fields=["username"], condition=~Q(username=""), name="person_username"),
        ]

    def __str__(self) -> str:
        return phone.masked(self.phone) or f"person {self.pk}"


class Alias(models.Model):
    """A number, as `lib.phone.person` spells it, or a user id. Former ones stay: late reports carry them."""

    name = models.CharField(max_length=160, unique=True)
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="aliases")

    class Meta:
        verbose_name_plural = "aliases"

    def __str__(self) -> str:
        return phone.masked(self.name)


class PseudonymKey(models.Model):
    """The key of `identities.pseudonyms`: one row, made with the database, so that every backup has it."""

    key = EncryptedJSONField(default="")

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="one_pseudonym_key")]

    def __str__(self) -> str:
        return "key of the pseudonyms"
