"""The demo: a provider of each kind on the simulator's fake BSPs, with everything filled in.

What it generates is kept in DATA_DIR/demo.json, so that the next run shows the same logins.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from msgspec.structs import replace

from audience.models import OptSetting
from config import demo_campaign
from config.demo_bsps import CUSTOMERS, Given, Values
from lib import crypto
from providers import description, lifecycle
from providers.connectors import CONNECTORS
from providers.features import Feature
from providers.models import Provider
from simulator.accounts import Account
from simulator.traffic import Traffic
from templates_app.imports import runs

ADMIN = "admin"


class Login(msgspec.Struct):
    username: str
    password: str


class Kept(msgspec.Struct):
    """demo.json. `keys` are what the fake BSPs know us by, two for each provider."""

    admin: Login
    keys: dict[str, tuple[str, str]] = {}
    logins: dict[str, Login] = {}
    passcode: str = ""


NUMBERS = 15550100001  # of the first provider; the others follow


@dataclass(frozen=True, slots=True)
class Shown:
    """What the person who runs the demo needs to know about one provider."""

    nickname: str
    number: str
    messages_url: str
    login: Login


@dataclass(frozen=True, slots=True)
class Demo:
    admin: Login
    admin_changed: bool
    providers: tuple[Shown, ...]
    accounts: list[Account]
    broadcast: int  # the id of the one to look at
    traffic: Traffic


def path() -> Path:
    return Path(settings.DATA_DIR) / "demo.json"


def seed(simulator: str) -> Demo:
    """Creates what is missing and points everything at `simulator`, a URL. Repeatable."""
    kept = _load()
    shown, accounts = [], []
    with transaction.atomic():
        changed = _admin(kept.admin)
        for position, connector in enumerate(CONNECTORS):
            name, number = f"demo-{connector}", str(NUMBERS + position)
            nickname = demo_campaign.nickname(connector)
            keys = kept.keys.setdefault(nickname, (crypto.token(), crypto.token()))
            customer = CUSTOMERS[connector](Given(simulator, name, *keys))
            ours = customer.provider | {
                "delivery_url": f"{simulator}/sink/{name}/delivery",
                "inbound_url": f"{simulator}/sink/{name}/inbound",
            }
            provider, login = _provider(nickname, connector, number, ours, kept)
            _heed_opt_outs(provider, f"{simulator}/sink/{name}/subscribe")
            urls = description.urls(provider)
            shown.append(Shown(nickname, number, urls["messages_url"], login))
            accounts.append(
                Account(
                    name=name,
                    number=number,
                    webhook_url=urls["webhook_url"],
                    delivery_url=urls["delivery_callback_url"],
                    inbound_url=urls["inbound_callback_url"],
                    **customer.account,
                )
            )
        accounts.append(_second_number(simulator, accounts, kept))
        broadcast = demo_campaign.seed(simulator)
        kept.passcode = demo_campaign.upload_passcode(kept.passcode)
        traffic = demo_campaign.their_traffic(
            {each.nickname: (each.messages_url, each.login.username, each.login.password) for each in shown},
            f"{settings.PUBLIC_BASE_URL}/1/upload",
            kept.passcode,
        )
        _save(kept)  # before the commit: the database must not hold a login that nobody knows
    return Demo(kept.admin, changed, tuple(shown), accounts, broadcast.pk, traffic)


def _second_number(simulator: str, accounts: list[Account], kept: Kept) -> Account:
    """Another number on Meta's app: the same webhook URL and secrets, and a provider of its own."""
    first = Provider.objects.get(nickname=demo_campaign.nickname("meta"))
    there = next(account for account in accounts if account.dialect == "meta")
    name, number = f"{there.name}-second", str(NUMBERS + len(accounts))
    number_id = f"{there.phone_number_id}0"
    ours = {
        "credentials": first.credentials | {"phone_number_id": number_id},
        "options": first.options,
        "delivery_url": f"{simulator}/sink/{name}/delivery",
        "inbound_url": f"{simulator}/sink/{name}/inbound",
    }
    _provider(f"{first.nickname}, second number", "meta", number, ours, kept)
    return replace(there, name=name, number=number, phone_number_id=number_id)


def _load() -> Kept:
    if path().exists():
        return msgspec.json.decode(path().read_bytes(), type=Kept)
    return Kept(Login(ADMIN, crypto.token(12)))


def _save(kept: Kept) -> None:
    write_private(path(), msgspec.json.format(msgspec.json.encode(kept), indent=2))


def write_private(target: Path, content: bytes) -> None:
    """Replaces the file in one step, readable by its owner only."""
    draft = target.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    draft.replace(target)


def _admin(login: Login) -> bool:
    """Creates the administrator. Returns whether its password has been changed since."""
    users = get_user_model()._default_manager
    user = users.filter(username=login.username).first()
    if user is None:
        users.create_superuser(login.username, password=login.password)
        return False
    return not user.check_password(login.password)


def _provider(
    nickname: str, connector: str, number: str, values: Values, kept: Kept
) -> tuple[Provider, Login]:
    """The provider, created or brought up to date."""
    provider = Provider.objects.filter(nickname=nickname).first()
    if provider is None:
        provider = Provider(nickname=nickname, connector_slug=connector, waba_number=f"+{number}", **values)
        login = lifecycle.create(provider)
        # The BSP has no list to import, or a broadcast needs the templates at once.
        if Feature.TEMPLATES in provider.connector.lacks or connector == demo_campaign.OURS:
            demo_campaign.add_templates(provider)
    else:
        for field, value in values.items():
            setattr(provider, field, value)
        provider.save(update_fields=list(values))
        if nickname in kept.logins:
            return provider, kept.logins[nickname]
        login = lifecycle.new_login(provider)
    return provider, kept.logins.setdefault(nickname, Login(login.username, login.password))


def _heed_opt_outs(provider: Provider, subscribe_url: str) -> None:
    """Has replies such as STOP opt people out, and reports that to CleverTap."""
    account: Any = {"account_id": "DEMO", "passcode": "demo"}
    setting, new = OptSetting.objects.get_or_create(provider=provider, defaults={"account": account})
    if new or setting.subscribe_url:
        setting.subscribe_url = subscribe_url
        setting.save(update_fields=["subscribe_url"])


def import_templates() -> None:
    """Has the worker import the lists of the providers that have one and no template yet."""
    for provider in Provider.objects.filter(templates=None):
        if Feature.TEMPLATES not in provider.connector.lacks:
            runs.start(provider, by="the demo")
