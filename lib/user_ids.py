"""WhatsApp's user ids. They name a person, also where WhatsApp does not give the phone number.

Source: Meta, "Business-scoped user IDs": a country, a dot, and up to 128 letters and digits. A parent id,
which is the same for several businesses, has `ENT.` after the country.
"""

import re

LONGEST = 140
_USER_ID = re.compile(r"[A-Za-z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")


def is_user_id(text: str) -> bool:
    return _USER_ID.fullmatch(text) is not None


def is_parent_id(text: str) -> bool:
    found = _USER_ID.fullmatch(text)
    return found is not None and found[1] is not None
