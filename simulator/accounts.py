"""The customers of the fake BSPs: who may send, and where their webhooks go."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec


class Account(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One customer of one BSP. Each dialect says which of these fields it needs.

    `key` is what the caller presents (an API key or a bearer token), `secret` signs the webhooks.
    """

    dialect: str
    name: str = ""  # its name in the control API and in URLs; the dialect's when left empty
    key: str = ""
    secret: str = ""
    webhook_url: str = ""
    number: str = "15550100001"  # the business number, digits only

    # Meta, and the BSPs that pass its API on
    phone_number_id: str = ""
    waba_id: str = ""
    verify_token: str = ""
    marketing_elsewhere: bool = False  # marketing templates go by the Marketing Messages API alone

    # other BSPs: their names for the customer, and how a signed request is checked
    account_id: str = ""
    app_id: str = ""
    app_name: str = ""
    public_key: str = ""

    # CleverTap, and Basic authentication elsewhere
    username: str = ""
    password: str = ""
    headers: dict[str, str] = {}  # header names and the values they must carry
    delivery_url: str = ""
    inbound_url: str = ""


class Identified(Protocol):
    """The part of a dialect that identifies its accounts."""

    name: str
    needs: tuple[str, ...]

    def identity(self, account: Account) -> str: ...

    def aliases(self, account: Account) -> Sequence[str]: ...


class Accounts:
    """All accounts, found by name or by their dialect's identity."""

    def __init__(self) -> None:
        self._by_name: dict[str, Account] = {}
        self._by_identity: dict[tuple[str, str], Account] = {}

    def add(self, account: Account, dialect: Identified) -> Account:
        """Add the account, or replace the one of the same name. An unnamed account gets a free name."""
        missing = [field for field in dialect.needs if not getattr(account, field)]
        if missing:
            raise ValueError(f"a {dialect.name} account needs {', '.join(missing)}")
        if not account.name:
            account.name = self._free_name(account, dialect)
        old = self._by_name.get(account.name)
        self._by_name[account.name] = account
        if old is not None:
            self._by_identity = {key: known for key, known in self._by_identity.items() if known is not old}
        for identity in (dialect.identity(account), *dialect.aliases(account)):
            self._by_identity[dialect.name, identity] = account
        return account

    def _free_name(self, account: Account, dialect: Identified) -> str:
        known = self._by_identity.get((dialect.name, dialect.identity(account)))
        if known is not None:
            return known.name
        name, count = dialect.name, 1
        while name in self._by_name:
            count += 1
            name = f"{dialect.name}-{count}"
        return name

    def named(self, name: str) -> Account | None:
        return self._by_name.get(name)

    def identified(self, dialect: str, identity: str) -> Account | None:
        return self._by_identity.get((dialect, identity))

    def clear(self) -> None:
        self._by_name.clear()
        self._by_identity.clear()

    def __iter__(self) -> Iterator[Account]:
        return iter(list(self._by_name.values()))
