"""Which column of CleverTap's campaign report holds what. Pure.

CleverTap's documentation names the columns of its report. Exports of other pages, and older ones, have other
names. Of a heading only letters and digits count.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

FIGURES = ("sent", "delivered", "viewed", "errors")

# What a column can hold, with the label for people.
TARGETS = {
    "day": "Day",
    "campaign": "Campaign id",
    "name": "Campaign name",
    "sent": "Sent",
    "delivered": "Delivered",
    "viewed": "Viewed",
    "errors": "Errors",
    "channel": "Channel",
    "provider": "Provider’s nickname",
    "waba": "WABA number",
}


def _events(name: str) -> tuple[str, ...]:
    """Headings of a figure: those that count messages before those that count people."""
    return (
        f"total{name}events", f"{name}events", f"notification{name}", f"total{name}", name, f"{name}count",
        f"total{name}users", f"{name}users", f"unique{name}users", f"unique{name}",
    )  # fmt: skip


# The headings of each, the best first.
HEADINGS: dict[str, tuple[str, ...]] = {
    "day": ("rundate", "date", "day", "reportdate", "sentdate", "sentondate", "senton", "startdate"),
    "campaign": ("campaignid", "campaignsid", "cid", "targetid", "id"),
    "name": ("campaignname", "campaigntitle", "name", "campaign"),
    "sent": _events("sent"),
    "delivered": _events("delivered"),
    "viewed": (*_events("viewed"), *_events("read")),
    "errors": ("errors", "totalerrors", "errorstotal", "error", *_events("failed"), "failures"),
    "channel": ("channel", "channeltype"),
    "provider": ("providername", "providernickname", "whatsappprovider", "provider"),
    "waba": ("wabanumber", "wabano", "wabaphonenumber", "businessnumber"),
}
# Where lines of one campaign and day differ in one of these, they are parts of it and are added up.
PARTS = frozenset((
    "variant", "varianttype", "variantname", "os", "device", "templatename", "providername",
    "providernickname", "wabanumber", "taggroup", "label", "channel",
))  # fmt: skip
# Errors by cause that CleverTap counts without sending anything to a provider.
INTERNAL = frozenset((
    "profilenotreachable", "usernotreachable", "usernotqualified", "userdnd", "duplicateprofileforchannel",
    "invalidprofiles", "globalfrequencycapexceeded", "campaignfrequencycapexceeded",
    "campaignlimitreachedforday", "campaignlimitreachforrun", "campaignlimitreachedforrun",
    "campaignlimitreached", "campaignstopped", "notificationduringcampaigndnd",
    "campaigncutofftimereached", "liquidrendertimeout", "contentapierrors",
))  # fmt: skip

Mapped = Mapping[str, int]


@lru_cache(10_000)
def normal(heading: str) -> str:
    return "".join(filter(str.isalnum, heading.lower()))


def guess(header: Sequence[str]) -> dict[str, int]:
    """The position of each column that is known by its heading."""
    at: dict[str, int] = {}
    for position, heading in enumerate(header):
        at.setdefault(normal(heading), position)
    found: dict[str, int] = {}
    for target, headings in HEADINGS.items():
        position_of = next((at[heading] for heading in headings if heading in at), None)
        if position_of is not None:
            found[target] = position_of
    return found


def problems(mapped: Mapped, has_day: bool) -> list[str]:
    """The columns that are missing, without which lines cannot be compared."""
    found = []
    if "campaign" not in mapped and "name" not in mapped:
        found.append("No column holds the campaign’s id or name.")
    if not any(figure in mapped for figure in FIGURES):
        found.append("No column holds Sent, Delivered, Viewed or Errors.")
    if "day" not in mapped and not has_day:
        found.append(
            "No column holds the day. In CleverTap choose “Split all data by: Day”, or enter the one "
            "day that the report is about."
        )
    taken = list(mapped.values())
    if len(set(taken)) < len(taken):
        found.append("One column is chosen twice.")
    return found


def people(header: Sequence[str], mapped: Mapped) -> list[str]:
    """The figures that count people. A person who got two messages counts once."""
    return [
        figure
        for figure in FIGURES
        if figure in mapped and any(word in normal(header[mapped[figure]]) for word in ("users", "unique"))
    ]


def unused(header: Sequence[str], mapped: Mapped) -> list[str]:
    """The headings of the columns that are not used."""
    used = set(mapped.values()) | set(positions(header, INTERNAL)) | set(positions(header, PARTS))
    return [heading for position, heading in enumerate(header) if heading and position not in used]


def positions(header: Sequence[str], headings: frozenset[str]) -> list[int]:
    return [position for position, heading in enumerate(header) if normal(heading) in headings]
