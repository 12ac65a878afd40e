"""Clicks on short links: who counts as a person, and the report to CleverTap.

A click is recorded after its redirect has been answered, so that nobody waits for it.
"""

import ipaddress
import logging
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import Error as DatabaseError
from django.db import transaction
from django.utils import timezone

from campaigns.ledger import ledger
from campaigns.ledger.matching import reference
from campaigns.models import Click, Link
from lib import addresses, sql
from lib.group_commit import GroupCommit, Overloaded
from lib.wakeup import wake
from providers.messages import StatusUpdate

logger = logging.getLogger(__name__)

LONGEST_AGENT = 500

# Programs that open a link to show a preview of it, or to check that it is safe. The exception: Cubot is a
# brand of phones.
_PREVIEW = re.compile(
    r"^WhatsApp/|facebookexternalhit|facebookcatalog|meta-external|Facebot|(?<!cu)bot\b|Slack-ImgProxy"
    r"|SkypeUriPreview|BingPreview|Google-InspectionTool|GoogleOther|Google-Safety|Mediapartners-Google"
    r"|Chrome-Lighthouse|crawler|spider|Baiduspider|Embedly|Iframely|link ?preview|HeadlessChrome",
    re.IGNORECASE,
)
_PREFETCH = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ")


class Seen(NamedTuple):
    """One request for a link."""

    link_id: int
    at: datetime
    user_agent: str
    address: str
    preview: bool


class _Linked(NamedTuple):
    """What a report of a click says of its link and message; the names are paths of campaigns.Link."""

    message__provider: int
    message: int
    message__attempt: int
    url: str
    short_url: str


class _Click(NamedTuple):
    """One click to store; the names are the columns of campaigns.Click."""

    link_id: int
    at: datetime
    user_agent: str
    address: str
    preview: bool
    message_id: int


class _Clicked(NamedTuple):
    """How often a link was clicked; the names are the columns of campaigns.Link."""

    id: int
    message_id: int
    clicks: int
    first_clicked_at: datetime


def note(link_id: int, environ: Mapping[str, str]) -> None:
    """Has the request that `environ` (WSGI's) describes recorded a moment later. Never fails."""
    agent = environ.get("HTTP_USER_AGENT", "").replace("\x00", "")[:LONGEST_AGENT]
    seen = Seen(link_id, timezone.now(), agent, address(environ), is_preview(environ))
    try:
        _writer.hand_over(seen)
    except (Overloaded, DatabaseError):
        logger.exception("A click on link %s is not counted", link_id)


def is_preview(environ: Mapping[str, str]) -> bool:
    """Whether a program asks in order to show a preview, rather than a person who follows the link."""
    if environ.get("REQUEST_METHOD") == "HEAD":
        return True
    purposes = " ".join(environ.get(name, "") for name in _PREFETCH).lower()
    if "prefetch" in purposes or "preview" in purposes or "prerender" in purposes:
        return True
    return bool(_PREVIEW.search(environ.get("HTTP_USER_AGENT", "")))


def address(environ: Mapping[str, str]) -> str:
    """The sender's network of 256 addresses (/48 for IPv6); empty when it is unknown."""
    caller = addresses.caller(environ)
    if not caller:
        return ""
    size = 48 if ":" in caller else 24
    return str(ipaddress.ip_network(f"{caller}/{size}", strict=False))


def _write(group: Sequence[Seen]) -> None:
    """Records clicks, a transaction for each provider, whose reports go to CleverTap."""
    links = Link.objects.filter(pk__in={seen.link_id for seen in group})
    about = {pk: _Linked._make(values) for pk, *values in links.values_list("pk", *_Linked._fields)}
    by_provider: dict[int, list[Seen]] = defaultdict(list)
    for seen in group:
        if seen.link_id in about:  # else the link was deleted meanwhile
            by_provider[about[seen.link_id].message__provider].append(seen)
    for provider_id, mine in by_provider.items():
        people = [seen for seen in mine if not seen.preview]
        with transaction.atomic():
            outcomes = ledger.record(provider_id, [_update(seen, about[seen.link_id]) for seen in people])
            # A second click within the same second, such as a double tap, was not recorded again.
            clicks = [seen for seen, outcome in zip(people, outcomes, strict=True) if outcome == "recorded"]
            previews = {
                (seen.link_id, int(seen.at.timestamp()), seen.user_agent): seen
                for seen in mine
                if seen.preview
            }
            rows = [_Click(*seen, about[seen.link_id].message) for seen in (*clicks, *previews.values())]
            sql.insert(Click, _Click._fields, rows)
            _count(clicks, about)
        if clicks:
            wake("callbacks.forward", provider_id)


def _update(seen: Seen, about: _Linked) -> StatusUpdate:
    return StatusUpdate(
        "clicked",
        timestamp=int(seen.at.timestamp()),
        reference=reference(about.message, about.message__attempt),
        url=about.url,
        short_url=about.short_url,
        user_agent=seen.user_agent,
    )


def _count(clicks: Sequence[Seen], about: Mapping[int, _Linked]) -> None:
    """Adds to the links' own figures."""
    times: dict[int, list[datetime]] = defaultdict(list)
    for seen in clicks:
        times[seen.link_id].append(seen.at)
    clicked = [_Clicked(pk, about[pk].message, len(each), min(each)) for pk, each in sorted(times.items())]
    if clicked:
        sql.update(
            Link,
            _Clicked._fields,
            clicked,
            "clicks = m.clicks + v.clicks, "
            "first_clicked_at = COALESCE(m.first_clicked_at, v.first_clicked_at)",
            "m.id = v.id AND m.message_id = v.message_id",
        )


# Nobody waits for it: larger groups leave more of the processor to the redirects.
_writer: GroupCommit[Seen] = GroupCommit(_write, gather=0.1)
