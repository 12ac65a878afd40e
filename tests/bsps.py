"""The simulated BSPs: how to become a customer of each, as a provider of ours.

A new connector joins every journey by one entry in BSPS.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from msgspec.structs import replace

from providers import setup
from providers.models import Provider
from simulator.accounts import Account
from simulator.server import Simulator
from tests.factories import make_provider

NUMBER = "15550001111"


@dataclass(frozen=True)
class Bsp:
    """One simulated BSP: the account there, and what a provider of ours is told of it.

    `quotes` is whether an inbound message names the one that it answers.
    """

    account: Account
    provider: dict[str, Any]
    quotes: bool = True


def _generic(url: str) -> Bsp:
    account = Account(dialect="clevertap", name="generic", username="waypost", password="s3cret-password")
    credentials = {"username": account.username, "password": account.password}
    return Bsp(account, {"endpoint": f"{url}/clevertap/generic/messages", "credentials": credentials})


def _interakt(url: str) -> Bsp:
    account = Account(dialect="interakt", name="interakt", key="aW50ZXJha3Q6", secret="webhook-secret")
    credentials = {"api_key": account.key, "webhook_secret": account.secret}
    return Bsp(account, {"options": {"base_url": url}, "credentials": credentials}, quotes=False)


def _meta(url: str) -> Bsp:
    account = Account(
        dialect="meta",
        name="meta",
        key="EAAtoken",
        secret="app-secret",
        phone_number_id="810220330",
        waba_id="700200300",
        verify_token="hub-token",
    )
    names = ("phone_number_id", "waba_id", "verify_token")
    credentials = {"access_token": account.key, "app_secret": account.secret}
    credentials |= {name: getattr(account, name) for name in names}
    return Bsp(account, {"options": {"base_url": url}, "credentials": credentials})


BSPS: dict[str, Callable[[str], Bsp]] = {"generic": _generic, "interakt": _interakt, "meta": _meta}


def customer(simulator: Simulator, connector: str = "generic", gateway: str = "", **values: Any) -> Provider:
    """A provider of ours at a simulated BSP, without a rate limit unless one is given.

    With the `gateway`'s address the BSP sends its webhooks there, and CleverTap's callback URLs
    are the simulator's own.
    """
    bsp = BSPS[connector](simulator.url)
    account = bsp.account
    sink = f"{simulator.url}/sink/{account.name}"
    urls = {"delivery_url": f"{sink}/delivery", "inbound_url": f"{sink}/inbound"} if gateway else {}
    provider = make_provider(connector=connector, waba_number=NUMBER, **(bsp.provider | urls | values))
    if "rate_count" not in values:
        provider.rate_count = None
        provider.save()
    paths = {name: urlsplit(url).path for name, url in setup.urls(provider).items()} if gateway else {}
    simulator.add_account(
        replace(
            account,
            number=NUMBER,
            webhook_url=gateway + paths.get("webhook_url", ""),
            delivery_url=gateway + paths.get("delivery_callback_url", ""),
            inbound_url=gateway + paths.get("inbound_callback_url", ""),
        )
    )
    return provider
