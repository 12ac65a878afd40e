"""What a token may be for. Each scope needs a permission of the token's owner, whose roles bound it."""

from collections.abc import Iterable
from typing import NamedTuple


class Scope(NamedTuple):
    name: str
    permission: str
    text: str


SCOPES = (
    Scope("stats:read", "campaigns.view_stats", "The stats: figures, tables, and their files."),
    Scope("messages:read", "campaigns.view_message", "Messages, their phone numbers as the owner sees them."),
    Scope("messages:send", "campaigns.change_message", "Sending messages."),
)
PERMISSIONS = {scope.name: scope.permission for scope in SCOPES}
CHOICES = [(scope.name, f"{scope.name}: {scope.text}") for scope in SCOPES]


class UnknownScope(ValueError):
    """A scope that does not exist. The text names the existing ones."""


def normal(names: Iterable[str]) -> str:
    """Scopes as they are stored: each once, in the order above, with spaces between. Raises UnknownScope."""
    wanted = set(names)
    unknown = sorted(wanted - PERMISSIONS.keys())
    if unknown or not wanted:
        raise UnknownScope(
            f"{', '.join(unknown) or 'Nothing'} is not a scope. There are {', '.join(PERMISSIONS)}."
        )
    return " ".join(name for name in PERMISSIONS if name in wanted)
