"""The longest that a BSP takes: one below, at, and one above."""

from collections.abc import Callable

import pytest

from providers.connectors import CONNECTORS
from providers.messages import Button, Content, Freeform, Outbound, Refused, TemplateContent
from tests.connectors import cases


def with_button(kind: str) -> Callable[[str], Content]:
    return lambda value: TemplateContent("sale", "en", buttons=(Button(0, kind, value=value),))  # type: ignore[arg-type]


LONGEST: list[tuple[str, Callable[[str], Content], int]] = [
    ("infobip", with_button("copy_code"), 15),
    ("infobip", with_button("quick_reply"), 128),
    ("interakt", with_button("quick_reply"), 128),
    ("twilio", lambda text: Freeform("text", text=text), 1600),
]


@pytest.mark.parametrize(("slug", "content", "most"), LONGEST)
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_the_longest_value(slug: str, content: Callable[[str], Content], most: int, more: int) -> None:
    outbound = Outbound("wp-1-1", "m", "15550100001", "15550001111", content("x" * (most + more)))
    if more <= 0:
        assert CONNECTORS[slug].build_request(outbound, cases.config(slug, {})).body
        return
    with pytest.raises(Refused, match=str(most)):
        CONNECTORS[slug].build_request(outbound, cases.config(slug, {}))
