"""A customer of each simulated BSP: the settings of our provider, and the account at the BSP.

The demo has one provider of each; the journeys in tests/ run through every one of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Given:
    """What both sides know: the simulator's URL, the account's name, two secrets."""

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


def _kaleyra(given: Given) -> Customer:
    ids = {"sid": "HXIN1770000042IN", "waba_id": "102290129340042"}
    place = {"location_name": "Our shop", "location_address": "1 High Street"}
    account = {"account_id": ids["sid"], "waba_id": ids["waba_id"], "key": given.key, "secret": given.secret}
    return Customer(
        {
            "credentials": {"api_key": given.key, "webhook_secret": given.secret, **ids},
            "options": given.base | place,
        },
        {"dialect": "kaleyra", **account},
    )


def _kaleyra_v1(given: Given) -> Customer:
    credentials = {"api_key": given.key, "sid": "HXIN1770000041IN", "webhook_secret": given.secret}
    account = {"account_id": credentials["sid"], "key": given.key, "secret": given.secret}
    return Customer({"credentials": credentials, "options": given.base}, {"dialect": "kaleyra-v1", **account})


def _vonage(given: Given) -> Customer:
    ids, login = {"waba_id": "330044005500"}, {"api_key": "a1b2c3d4", "api_secret": given.key}
    place = {"location_name": "Our shop", "location_address": "1 High Street"}
    return Customer(
        {
            "credentials": {**login, "signature_secret": given.secret, **ids},
            "options": given.base | place,
        },
        {"dialect": "vonage", "username": "a1b2c3d4", "password": given.key, "secret": given.secret, **ids},
    )


def _exotel(given: Given) -> Customer:
    sid, waba_id = f"{given.name}1", "102290129340077"
    place = {"location_name": "Our shop", "location_address": "1 High Street"}
    login = {"api_key": "waypost", "api_token": given.key, "account_sid": sid}
    account = {"account_id": sid, "username": "waypost", "password": given.key, "secret": given.secret}
    return Customer(
        {
            "credentials": {**login, "waba_id": waba_id, "webhook_secret": given.secret},
            "options": given.base | place,
        },
        {"dialect": "exotel", "waba_id": waba_id, **account},
    )


def _haptik_legacy(given: Given) -> Customer:
    ids = {"client_id": "waypost", "business_id": "4412", "namespace": "waypost_demo"}
    return Customer(
        {"credentials": {"token": given.key, **ids}, "options": given.base},
        {"dialect": "haptik-legacy", "key": given.key, "app_id": ids["client_id"]},
    )


def _gupshup(given: Given) -> Customer:
    ids = {"app_name": "WaypostDemo", "app_id": "3a5d4f0e-6c1b-4f57-8a9e-1b2c3d4e5f60"}
    place = {"location_name": "Our shop", "location_address": "1 High Street"}
    return Customer(
        {"credentials": {"api_key": given.key, **ids}, "options": given.base | place},
        {"dialect": "gupshup", "key": given.key, **ids},
    )


def _gupshup_enterprise(given: Given) -> Customer:
    hsm, two_way = "2000190001", "2000190002"
    credentials = {"hsm_userid": hsm, "hsm_password": given.key}
    credentials |= {"two_way_userid": two_way, "two_way_password": given.secret}
    account = {"username": hsm, "password": given.key, "account_id": two_way, "secret": given.secret}
    options = given.base | {"templates_base_url": given.simulator}
    return Customer(
        {"credentials": credentials, "options": options}, {"dialect": "gupshup-enterprise", **account}
    )


def _twilio(given: Given) -> Customer:
    sid = "AC5a0d3c9be2a14e07b1d6a2f4c8e7b9d1"
    options = given.base | {"content_base_url": given.simulator}
    return Customer(
        {"credentials": {"account_sid": sid, "auth_token": given.secret}, "options": options},
        {"dialect": "twilio", "account_id": sid, "secret": given.secret},
    )


# By the connector's slug.
CUSTOMERS: dict[str, Callable[[Given], Customer]] = {
    "360dialog": _dialog360,
    "exotel": _exotel,
    "generic": _generic,
    "gupshup": _gupshup,
    "gupshup-enterprise": _gupshup_enterprise,
    "haptik": _interakt,
    "haptik-legacy": _haptik_legacy,
    "infobip": _infobip,
    "interakt": _interakt,
    "kaleyra": _kaleyra,
    "kaleyra-v1": _kaleyra_v1,
    "meta": _meta,
    "twilio": _twilio,
    "vonage": _vonage,
}
