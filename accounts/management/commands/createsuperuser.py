"""Django's own, with an entry in the trail."""

from typing import Any

from django.contrib.auth.management.commands import createsuperuser
from django.contrib.auth.models import User

from accounts import trail
from accounts.trail import What


class Command(createsuperuser.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        known = set(User.objects.values_list("pk", flat=True))
        super().handle(*args, **options)
        for user in User.objects.exclude(pk__in=known):
            trail.note(None, What.ADDED, user, text="A superuser.")
