"""Django's own, with an entry in the trail."""

import getpass
from typing import Any

from django.contrib.auth.management.commands import changepassword
from django.contrib.auth.models import User

from accounts import trail
from accounts.trail import What


class Command(changepassword.Command):
    def handle(self, *args: Any, **options: Any) -> str | None:
        name = options["username"] or getpass.getuser()
        told = super().handle(*args, **options | {"username": name})
        trail.note(None, What.PASSWORD, User.objects.get_by_natural_key(name))
        return told
