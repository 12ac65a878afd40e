"""Who somebody is on WhatsApp, and which of our numbers or accounts something is for."""

from msgspec import Struct

from lib.phone import digits
from lib.user_ids import is_parent_id, is_user_id


class Identity(Struct, frozen=True, omit_defaults=True):
    """The names of one person. A person with a username may come without a phone number.

    `user_id` is the same for one business portfolio, `parent_user_id` for all that belong together.
    """

    phone: str = ""
    user_id: str = ""
    parent_user_id: str = ""
    username: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that names this person and no other. A username may change hands."""
        return tuple(filter(None, (self.phone, self.user_id, self.parent_user_id)))


def identity(*addresses: str, username: str = "") -> Identity:
    """The person behind these addresses, each of which may be a number, a user id or empty.

    The first number and the first user id count, so name the most certain address first. A user id is
    never read as a number.
    """
    named = [address.strip() for address in addresses]
    ids = [address for address in named if is_user_id(address)]
    numbers = (digits(address) for address in named if address and not is_user_id(address))
    return Identity(
        phone=next(filter(None, numbers), ""),
        user_id=next((each for each in ids if not is_parent_id(each)), ""),
        parent_user_id=next(filter(is_parent_id, ids), ""),
        username=username.strip().removeprefix("@")[:100],
    )


class Receiver(Struct, frozen=True, omit_defaults=True):
    """Whom a part of a webhook is for: a number of ours, the BSP's id of that number, or the account."""

    number: str = ""
    number_id: str = ""
    account: str = ""
