"""Which messages are asked for: a figure and what narrows it, read from a URL and checked."""

from collections.abc import Mapping

from campaigns.counting.buckets import BOUNDS
from stats.query.details import FAILURES, TIME_TO, URLS
from stats.query.filters import NONE, Invalid
from stats.query.messages_behind import FIGURES, Only

PARAMETERS = ("figure", "code", "bsp_code", "url", "took")


def asked(given: Mapping[str, str], more: tuple[str, ...] = ()) -> tuple[str, Only]:
    """The figure, one of those with messages or of `more`, and which of its messages. Raises Invalid."""
    figure, code, bsp_code, url, took = (given.get(name, "").strip()[:200] for name in PARAMETERS)
    if figure not in (*FIGURES, *more):
        raise Invalid({"figure": f"Expected one of {', '.join(FIGURES)}."})
    errors = {
        name: "A null character is not allowed here." for name in PARAMETERS if "\0" in given.get(name, "")
    }
    if code and not (code.isascii() and code.isdigit() and len(code) < 5):
        errors["code"] = "Expected one of CleverTap's error codes, as 1002."
    if code and figure not in FAILURES:
        errors["code"] = f"Only {', '.join(FAILURES)} have codes."
    if bsp_code and not code:
        errors["bsp_code"] = "Give CleverTap's code too: a BSP's code stands under it."
    elif bsp_code and bsp_code != NONE and "/" not in bsp_code:
        errors["bsp_code"] = f"Expected the connector and the BSP's code, as meta/131026, or {NONE}."
    if url and figure not in URLS:
        errors["url"] = f"Only {', '.join(URLS)} have pages."
    if took and figure not in TIME_TO:
        errors["took"] = f"Only {', '.join(TIME_TO)} have times."
    elif took and took not in map(str, BOUNDS):
        errors["took"] = f"Expected seconds, one of {', '.join(map(str, BOUNDS))}."
    if errors:
        raise Invalid(errors)
    return figure, Only(int(code) if code else None, bsp_code, url, int(took or 0))
