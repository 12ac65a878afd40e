"""How to be a customer of each simulated BSP: what our provider is told, and what its account is.

The demo has one provider of each; the journeys in tests/ run through every one of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Given:
    """What both sides are to know: the simulator's URL, the account's name, two secrets."""

    simulator: str
    name: str
    key: str
    secret: str

    @property
    def base(self) -> Values:
        return {"base_url": self.simulator}


@dataclass(frozen=True, slots=True)
class Customer:
    """`provider` holds fields of providers.models.Provider, `account` those of simulator.accounts.Account."""

    provider: Values
    account: Values


def _generic(given: Given) -> Customer:
    login = {"username": "waypost", "password": given.key}
    endpoint = f"{given.simulator}/clevertap/{given.name}/messages"
    options = {"templates_url": f"{given.simulator}/templates/{given.name}"}
    return Customer(
        {"endpoint": endpoint, "credentials": login, "options": options}, {"dialect": "clevertap", **login}
    )


def _interakt(given: Given) -> Customer:
    return Customer(
        {"credentials": {"api_key": given.key, "webhook_secret": given.secret}, "options": given.base},
        {"dialect": "interakt", "key": given.key, "secret": given.secret},
    )


def _meta(given: Given) -> Customer:
    ids = {"phone_number_id": "106540352240003", "waba_id": "102290129340003", "verify_token": "demo"}
    place = {"location_name": "Our shop", "location_address": "1 High Street"}
    return Customer(
        {
            "credentials": {"access_token": given.key, "app_secret": given.secret, **ids},
            "options": given.base | place,
        },
        {"dialect": "meta", "key": given.key, "secret": given.secret, **ids},
    )


def _dialog360(given: Given) -> Customer:
    place = {"location_name": "Our shop", "location_address": "1 High Street"}
    return Customer(
        {
            "credentials": {"api_key": given.key, "webhook_secret": given.secret},
            "options": given.base | place,
        },
        {"dialect": "360dialog", "key": given.key, "secret": given.secret},
    )


def _infobip(given: Given) -> Customer:
    credentials = {"api_key": given.key, "webhook_username": "waypost", "webhook_password": given.secret}
    return Customer(
        {"credentials": credentials, "options": given.base | {"track_clicks": "yes"}},
        {"dialect": "infobip", "key": given.key, "username": "waypost", "secret": given.secret},
    )


CUSTOMERS: dict[str, Callable[[Given], Customer]] = {
    "360dialog": _dialog360,
    "generic": _generic,
    "infobip": _infobip,
    "interakt": _interakt,
    "meta": _meta,
}
"""By the connector's slug."""
