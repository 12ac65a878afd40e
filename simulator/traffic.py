"""Traffic without anybody's doing, at a low rate: the fake CleverTap posts messages of campaigns and uploads
of events, and users write to the fake BSPs.

A campaign has ten thousand recipients before a number repeats. The recipient's number decides what
becomes of a message (simulator.behaviour). The mix of numbers is like that of real people.
"""

import asyncio
import base64
import hashlib
import time
from collections.abc import Iterator
from itertools import count, cycle
from typing import Any

import aiohttp
import msgspec

from simulator.journal import Journal
from simulator.world import InboundRequest, World

PEOPLE = 10_000  # then the numbers repeat
BEFORE = "before"
TRIES = 3  # as often as CleverTap posts a message that got no answer
_WAIT = 1.0
# Of 25 people: one cannot be reached, one replies, three tap a link, five never read.
_MIX = {
    2: "9001", 5: "9015", 7: "9014", 8: "9001", 11: "9002", 13: "9001", 16: "9015", 19: "9001", 22: "9015",
    24: "9001",
}  # fmt: skip


class Campaign(msgspec.Struct):
    """`payloads` has a message for each variant; a person always gets the same one."""

    url: str
    username: str
    password: str
    code: str
    payloads: dict[str, dict[str, Any]]
    every: float  # seconds
    prefix: str = "9197"


class Events(msgspec.Struct):
    """What people do, posted to the upload API in turn."""

    url: str
    account_id: str
    passcode: str
    name: str
    identities: list[str]
    properties: list[dict[str, Any]]
    every: float


class Users(msgspec.Struct):
    """What users do, in turn: the fields of `world.InboundRequest`. `about` BEFORE is the act before."""

    acts: list[dict[str, str]]
    every: float


class Traffic(msgspec.Struct):
    campaigns: list[Campaign] = []
    events: list[Events] = []
    users: list[Users] = []


def number(n: int, prefix: str) -> str:
    """The number of the n-th person. Its last digits decide how they behave."""
    return f"{prefix}{n % PEOPLE:04d}{_MIX.get(n % 25, f'{1000 + n % 8000:04d}')}"


def message(campaign: Campaign, n: int, now: float) -> dict[str, Any]:
    """The payload for the n-th person. Its msgId is `i|campaign|batch|j|variant`."""
    to = number(n, campaign.prefix)
    names = sorted(campaign.payloads)
    variant = names[hashlib.sha256(to.encode()).digest()[0] % len(names)]
    batch = time.strftime("%Y%m%d", time.gmtime(now))
    msg_id = f"{int(now * 1000)}|{campaign.code}|{batch}|{n}" + (f"|{variant}" if variant else "")
    return campaign.payloads[variant] | {"to": f"+{to}", "msgId": msg_id}


def event(events: Events, n: int, now: float) -> dict[str, Any]:
    """A call of the upload API in which the n-th person does it."""
    record = {
        "identity": events.identities[n % len(events.identities)],
        "type": "event",
        "evtName": events.name,
        "evtData": events.properties[n % len(events.properties)] | {"Order": f"A-{int(now) % 10**6:06d}"},
        "ts": int(now),
    }
    return {"d": [record]}


async def run(traffic: Traffic, world: World) -> None:
    """Posts and writes until it is cancelled."""
    journal = world.journal
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        work = [_campaign(each, session, journal) for each in traffic.campaigns]
        work += [_events(each, session, journal) for each in traffic.events]
        work += [_users(each, world) for each in traffic.users]
        await asyncio.gather(*work)


async def _campaign(campaign: Campaign, session: aiohttp.ClientSession, journal: Journal) -> None:
    login = base64.b64encode(f"{campaign.username}:{campaign.password}".encode()).decode()
    auth = {"Authorization": f"Basic {login}"}
    for n in _people():
        await _post(session, campaign.url, auth, message(campaign, n, time.time()), journal)
        await asyncio.sleep(campaign.every)


async def _events(events: Events, session: aiohttp.ClientSession, journal: Journal) -> None:
    headers = {"X-CleverTap-Account-Id": events.account_id, "X-CleverTap-Passcode": events.passcode}
    for n in _people():
        await asyncio.sleep(events.every)
        await _post(session, events.url, headers, event(events, n, time.time()), journal)


async def _users(users: Users, world: World) -> None:
    before = ""
    for act in cycle(users.acts):
        await asyncio.sleep(users.every)
        told = {name: before if (name, value) == ("about", BEFORE) else value for name, value in act.items()}
        try:
            before = world.write(msgspec.convert(told, InboundRequest))
        except ValueError:  # a reaction, before there is anything to react to
            world.journal.count("traffic.unwritten")


def _people() -> Iterator[int]:
    """Counts people. Each run begins with other people than the one before."""
    return count(int(time.time()) // 3 % PEOPLE)


async def _post(
    session: aiohttp.ClientSession, url: str, headers: dict[str, str], content: Any, journal: Journal
) -> None:
    """Posts until there is an answer, at most TRIES times, as CleverTap does."""
    body = msgspec.json.encode(content)
    headers = headers | {"Content-Type": "application/json"}
    for _ in range(TRIES):
        try:
            async with session.post(url, data=body, headers=headers) as answer:
                text = await answer.read()
            taken = b'"success"' in text
            journal.count(f"traffic.{'taken' if taken else f'refused {answer.status}'}")
            if answer.status != 429 and answer.status < 500:
                return
        except (aiohttp.ClientError, TimeoutError):
            journal.count("traffic.unanswered")
        await asyncio.sleep(_WAIT)
