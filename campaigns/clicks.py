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

from campaigns import ledger
from campaigns.matching import reference
from campaigns.models import Click, Link
from lib import sql
from lib.group_commit import GroupCommit, Overloaded
from lib.wake import wake
from providers.messages import StatusUpdate

logger = logging.getLogger(__name__)

LONGEST_AGENT = 500

# Programs that open a link to show a preview of it, or to look whether it is safe. CUBOT makes phones.
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


def note(link_id: int, environ: Mapping[str, str]) -> None:
    """Has the request that `environ` (WSGI's) describes recorded a moment later. Never fails."""
    agent = environ.get("HTTP_USER_AGENT", "").replace("\x00", "")[:LONGEST_AGENT]
    seen = Seen(link_id, timezone.now(), agent, address(environ), is_preview(environ))
    try:
        _writer.hand_over(seen)
    except (Overloaded, DatabaseError):
        logger.exception("A click on link %s is not counted", link_id)


def is_preview(environ: Mapping[str, str]) -> bool:
    """Whether a program asks, to show what is there, and not a person who wants to go there."""
    if environ.get("REQUEST_METHOD") == "HEAD":
        return True
    purposes = " ".join(environ.get(name, "") for name in _PREFETCH).lower()
    if "prefetch" in purposes or "preview" in purposes or "prerender" in purposes:
        return True
    return bool(_PREVIEW.search(environ.get("HTTP_USER_AGENT", "")))


def address(environ: Mapping[str, str]) -> str:
    """Whence it came, as the network of 256 addresses (/48 for IPv6), or empty.

    A private peer is our reverse proxy, which appends to X-Forwarded-For whom it saw.
    """
    peer = _parsed(environ.get("REMOTE_ADDR", ""))
    if peer is None or not peer.is_global:
        peer = _parsed(environ.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()) or peer
    if peer is None:
        return ""
    return str(ipaddress.ip_network((peer, 24 if peer.version == 4 else 48), strict=False))


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _write(group: Sequence[Seen]) -> None:
    """Records clicks, a transaction for each provider, whose reports go to CleverTap."""
    links = Link.objects.filter(pk__in={seen.link_id for seen in group})
    columns = ("message__provider", "message", "message__attempt", "url", "short_url")
    about = {pk: values for pk, *values in links.values_list("pk", *columns)}
    by_provider: dict[int, list[Seen]] = defaultdict(list)
    for seen in group:
        if seen.link_id in about:  # else it was deleted this very moment
            by_provider[about[seen.link_id][0]].append(seen)
    for provider_id, mine in by_provider.items():
        people = [seen for seen in mine if not seen.preview]
        with transaction.atomic():
            outcomes = ledger.record(provider_id, [_update(seen, *about[seen.link_id]) for seen in people])
            # The same again within a second, as a doubled tap is, was recorded as one.
            clicks = [seen for seen, outcome in zip(people, outcomes, strict=True) if outcome == "recorded"]
            previews = {
                (seen.link_id, int(seen.at.timestamp()), seen.user_agent): seen
                for seen in mine
                if seen.preview
            }
            sql.insert(Click, Seen._fields, [*clicks, *previews.values()])
            _count(clicks)
        if clicks:
            wake("callbacks.forward", provider_id)


def _update(
    seen: Seen, provider_id: int, message_id: int, attempt: int, url: str, short_url: str
) -> StatusUpdate:
    return StatusUpdate(
        "clicked",
        timestamp=int(seen.at.timestamp()),
        reference=reference(message_id, attempt),
        url=url,
        short_url=short_url,
        user_agent=seen.user_agent,
    )


def _count(clicks: Sequence[Seen]) -> None:
    """Adds to the links' own figures."""
    times: dict[int, list[datetime]] = defaultdict(list)
    for seen in clicks:
        times[seen.link_id].append(seen.at)
    rows = [(pk, len(each), min(each)) for pk, each in sorted(times.items())]
    if rows:
        sql.update(
            Link,
            ("id", "clicks", "first_clicked_at"),
            rows,
            "clicks = m.clicks + v.clicks, "
            "first_clicked_at = COALESCE(m.first_clicked_at, v.first_clicked_at)",
            "m.id = v.id",
        )


# Nobody waits for it: larger groups leave more of the processor to the redirects.
_writer: GroupCommit[Seen] = GroupCommit(_write, gather=0.1)
