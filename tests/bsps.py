"""The simulated BSPs: how to become a customer of each, as a provider of ours."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from msgspec.structs import replace

from config.demo_bsps import CUSTOMERS, Given
from providers import description
from providers.features import Feature
from providers.models import Provider
from simulator.accounts import Account
from simulator.server import Simulator
from templates_app.imports import runs
from templates_app.models import ImportRun
from tests.factories import make_provider
from tests.parts import TEMPLATES

NUMBER = "15550001111"


@dataclass(frozen=True)
class Bsp:
    """One simulated BSP: the account there, and the settings of a provider of ours for it."""

    account: Account
    provider: dict[str, Any]


def bsp(connector: str, url: str) -> Bsp:
    """The set-up at the simulator that listens at the URL; the account is named like the connector."""
    both = CUSTOMERS[connector](Given(url, connector, "aW50ZXJha3Q6", "webhook-secret"))
    return Bsp(Account(name=connector, **both.account), both.provider)


def customer(simulator: Simulator, connector: str = "generic", gateway: str = "", **values: Any) -> Provider:
    """A provider of ours at a simulated BSP, without a rate limit unless one is given.

    With the `gateway`'s address the BSP sends its webhooks there, CleverTap's callback URLs
    are the simulator's own, and the templates of tests.parts are imported.
    """
    there = bsp(connector, simulator.url)
    account = there.account
    sink = f"{simulator.url}/sink/{account.name}"
    urls = {"delivery_url": f"{sink}/delivery", "inbound_url": f"{sink}/inbound"} if gateway else {}
    provider = make_provider(connector_slug=connector, waba_number=NUMBER, **(there.provider | urls | values))
    if "rate_count" not in values:
        provider.rate_count = None
        provider.save()
    paths = {name: urlsplit(url).path for name, url in description.urls(provider).items()} if gateway else {}
    simulator.add_account(
        replace(
            account,
            number=NUMBER,
            webhook_url=gateway + paths.get("webhook_url", ""),
            delivery_url=gateway + paths.get("delivery_callback_url", ""),
            inbound_url=gateway + paths.get("inbound_callback_url", ""),
        )
    )
    simulator.set_templates(account.name, TEMPLATES)
    if gateway and Feature.TEMPLATES not in provider.connector.lacks:
        assert runs.import_now(provider).state == ImportRun.State.DONE
    return provider
