"""The headers of a list. Unfold makes them anew for each of its rows; here they are made once."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from unfold.templatetags import unfold_list

Header = dict[str, Any]


def make_once_a_list() -> None:
    unfold_list.result_headers = _kept(unfold_list.result_headers)


def _kept(make: Callable[[Any], Iterable[Header]]) -> Callable[[Any], list[Header]]:
    @wraps(make)
    def headers(changelist: Any) -> list[Header]:
        if "made_headers" not in changelist.__dict__:
            changelist.made_headers = list(make(changelist))
        made: list[Header] = changelist.made_headers
        return made

    return headers
