"""What can make two sides differ, and how much of a difference each cause explains. Pure.

`sign` says which figure a cause makes larger: 1 ours, -1 CleverTap's. How often a cause happened is counted
from our rows (`facts`). A difference is explained by the causes of its own direction, in this order, each by
at most as many as were counted. The rest of a difference is unexplained: nothing is guessed.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """`figures` are CleverTap's names of the figures that it may explain. `text` ends with what to do."""

    name: str
    sign: int
    figures: tuple[str, ...]
    label: str
    text: str


_REPORTS = ("delivered", "viewed", "errors")
_ALL = ("sent", *_REPORTS)

CAUSES = (
    Cause(
        "broadcast", 1, _ALL, "a broadcast",
        "Its messages were not reported to CleverTap, as “Report its messages to CleverTap” is off. "
        "Nothing to do.",
    ),
    Cause(
        "no_url", 1, _REPORTS, "callbacks not configured",
        "The provider has no CleverTap delivery report URL, so these reports were not forwarded. "
        "Copy the URL "
        "from CleverTap’s provider page to the provider here, then retry the reports.",
    ),
    Cause(
        "refused_report", 1, _REPORTS, "parked: CleverTap refused the report",
        "CleverTap answered that it does not accept them. Read its answer in the list of parked reports, and "
        "retry after a correction.",
    ),
    Cause(
        "given_up", 1, _REPORTS, "parked: Waypost stopped retrying",
        "CleverTap did not answer for three days. Retry them from the list of parked reports. CleverTap may "
        "count nothing more for old campaigns.",
    ),
    Cause(
        "waiting", 1, _REPORTS, "still waiting to be forwarded",
        "Waypost forwards them automatically as soon as CleverTap’s URL answers. Compare again afterwards.",
    ),
    Cause(
        "after", 1, _ALL, "after the report was exported",
        "Accepted, or reported to CleverTap, after the report was exported. Export it again.",
    ),
    Cause(
        "cached", 1, _ALL, "within CleverTap’s cache",
        "CleverTap’s figures may be hours old when a report is exported. Export it again the next day.",
    ),
    Cause(
        "not_told", 1, _REPORTS, "not reported to CleverTap on purpose",
        "Failures of an attempt that another followed, or of a message that arrived all the same: CleverTap "
        "counts a message once. Nothing to do.",
    ),
    Cause(
        "late", 1, ("sent", "delivered", "viewed"), "answered after a second: late accepts",
        "CleverTap waits one second for Waypost’s answer and then counts an error. The message was sent all "
        "the same. Look at the load of web and database at that time.",
    ),
    Cause(
        "other_day", 1, _ALL, "another day at CleverTap",
        "By the run date in msgId they belong to another day at CleverTap, where they are missing here. The "
        "sum over the days agrees.",
    ),
    Cause(
        "edge", 1, ("sent",), "accepted within 5 minutes of midnight",
        "CleverTap may have counted them on the day before or after. The sum over the days agrees.",
    ),
    Cause(
        "repeat", 1, ("sent", "delivered", "viewed"), "several messages to one person",
        "The report’s column counts people, Waypost counts messages. Compare with the “(events)” column.",
    ),
    Cause(
        "refusals", 1, ("errors",), "refused requests",
        "Waypost refused them at once. CleverTap counts these as dispatch errors, which some reports leave "
        "out of Errors.",
    ),
    Cause(
        "internal", -1, ("errors",), "never sent by CleverTap",
        "The report itself says that these errors are CleverTap’s own: not reachable, caps, do not disturb. "
        "CleverTap sent them to no provider.",
    ),
    Cause(
        "late_error", -1, ("errors",), "late accepts, counted as errors",
        "CleverTap waits one second for Waypost’s answer and then counts an error. Here the message "
        "is accepted.",
    ),
    Cause(
        "from_other_day", -1, _ALL, "another day at CleverTap",
        "By the run date in msgId they belong to this day at CleverTap; Waypost counted them on the day they "
        "happened. The sum over the days agrees.",
    ),
    Cause(
        "from_edge", -1, ("sent",), "accepted within 5 minutes of midnight",
        "CleverTap may have counted them on this day. The sum over the days agrees.",
    ),
    Cause(
        "again", -1, _REPORTS, "reported more than once",
        "CleverTap’s answer to these reports was lost, so Waypost sent them again. CleverTap may count them "
        "twice.",
    ),
    Cause(
        "unknown", -1, ("delivered", "viewed"), "outcome unknown here",
        "These messages left Waypost, the BSP’s answer was lost, and no report has settled them. They may "
        "have arrived. Look for webhooks without a message.",
    ),
    Cause(
        "open", -1, ("errors",), "neither delivered nor failed yet",
        "CleverTap may count a message that was sent and not delivered as an error. Here it is still open.",
    ),
    Cause(
        "tests", -1, ("sent",), "test messages, 0|0|0|0",
        "Test sends and template checks of this campaign’s template. Waypost leaves them out of all figures.",
    ),
)  # fmt: skip
CAUSE = {cause.name: cause for cause in CAUSES}


@dataclass(frozen=True, slots=True)
class Explained:
    """`explains` of the difference, with its sign, out of `count` that were found."""

    cause: Cause
    count: int
    explains: int


def explain(figure: str, difference: int, counts: Mapping[str, int]) -> tuple[tuple[Explained, ...], int]:
    """The causes of a figure's difference, and what stays unexplained. Together they are the whole
    difference."""
    sign, rest = (1 if difference > 0 else -1), abs(difference)
    found = []
    for cause in CAUSES:
        count = counts.get(cause.name, 0)
        if rest and count > 0 and cause.sign == sign and figure in cause.figures:
            part = min(count, rest)
            rest -= part
            found.append(Explained(cause, count, sign * part))
    return tuple(found), sign * rest
