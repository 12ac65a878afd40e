"""Finding contacts among millions, through their indexes."""

from typing import Any

from django.db.models import QuerySet

from audience.models import Contact
from lib import phone
from lib.admin import prefix
from lib.shown import Eyes

# As `IN`, because SQLite takes an index for no bare boolean; and with both columns for its sake.
CONSENT: dict[str, dict[str, Any]] = {
    "yes": {"opted_in__in": (True,), "dnd__in": (False,)},
    "out": {"opted_in__in": (False,)},
    "dnd": {"opted_in__in": (True, False), "dnd__in": (True,)},
}


def search(contacts: QuerySet[Contact], term: str, eyes: Eyes) -> QuerySet[Contact]:
    """By the beginning of the identity, the phone number or the e-mail address, as far as those eyes may."""
    digits = phone.typed(term)
    # An identity may be a number, which nobody is to find out by its beginnings.
    by_identity = eyes.found("identity", term) if digits else prefix("identity", term)
    ways = [by_identity, prefix("email", term.lower())]
    if digits:
        ways.append(eyes.found("phone", digits))
    # Three ranges in one condition SQLite takes for no better than reading everything.
    first, *others = (Contact.objects.filter(way).order_by().values("pk") for way in ways)
    return contacts.filter(pk__in=first.union(*others))
