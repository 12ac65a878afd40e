"""Finding contacts among millions, through their indexes."""

from typing import Any

from django.db.models import Q, QuerySet

from audience.models import Contact
from identities import known
from lib import phone
from lib.listing import prefix
from lib.phone_masking import Eyes

# As `IN`, because SQLite takes an index for no bare boolean; and with both columns for its sake.
CONSENT: dict[str, dict[str, Any]] = {
    "yes": {"opted_in__in": (True,), "dnd__in": (False,), "stopped__in": (False,)},
    "out": {"opted_in__in": (False,)},
    "dnd": {"opted_in__in": (True, False), "dnd__in": (True,)},
    "stopped": {"opted_in__in": (True, False), "dnd__in": (True, False), "stopped__in": (True,)},
}


def search(contacts: QuerySet[Contact], term: str, eyes: Eyes) -> QuerySet[Contact]:
    """By the beginning of the identity, the phone number or the e-mail address, as far as those eyes may; by
    the whole of a user id or a username in WhatsApp."""
    digits = phone.typed(term)
    # An identity may be a number, which nobody may find out digit by digit.
    by_identity = prefix("identity", term) if eyes.whole or not digits else Q(identity=term)
    ways = [by_identity, prefix("email", term.lower())]
    if digits:
        ways += eyes.found("phone", digits)
    if names := known.who(term):
        ways.append(Q(phone__in=names))
    # With three ranges in one condition, SQLite would rather read everything.
    first, *others = (Contact.objects.filter(way).order_by().values("pk") for way in ways)
    return contacts.filter(pk__in=first.union(*others))
