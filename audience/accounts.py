"""Who may call the upload API: account ids and the digests of their passcodes."""

import re

from audience.models import UploadAccount
from lib import crypto, phone

_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_NOBODY = crypto.digest("")


class NoAccount(ValueError):
    """An account id that cannot be added. The text says why."""


def check(account_id: str, country: str = "") -> None:
    """Raises NoAccount."""
    if country and not phone.is_country(country):
        raise NoAccount(f"{country} is not a country. Write its ISO code, such as IN.")
    if not _ID.fullmatch(account_id):
        raise NoAccount("An account id is 1 to 64 letters, digits, points, hyphens and underscores.")
    if UploadAccount.objects.filter(account_id=account_id).exists():
        raise NoAccount(f"There is an account {account_id} already.")


def add(account_id: str, label: str = "", country: str = "") -> tuple[UploadAccount, str]:
    """A new account and its passcode, which is shown once. Raises NoAccount."""
    check(account_id, country)
    account = UploadAccount(account_id=account_id, label=label, country=country.upper())
    return account, renew(account)


def renew(account: UploadAccount) -> str:
    """Saves the account with a new passcode; the former one is void at once."""
    passcode = crypto.token()
    account.passcode = crypto.digest(passcode)
    account.save()
    return passcode


def admits(account_id: str, passcode: str) -> bool:
    known = None
    if _ID.fullmatch(account_id):
        known = UploadAccount.objects.filter(account_id=account_id).first()
    return crypto.matches(passcode, known.passcode if known else _NOBODY) and known is not None


def country(account_id: str) -> str:
    """The country of the account's numbers without a country code; empty when it has none."""
    found = UploadAccount.objects.filter(account_id=account_id).values_list("country", flat=True).first()
    return found or ""
