"""What the simulated Infobip takes as a carousel."""

from typing import Any

import pytest

from simulator.dialects import infobip_messages
from simulator.dialects.base import Refusal


def read(**card: Any) -> int:
    """How many cards it finds in a message with two such cards."""
    header = {"type": "VIDEO", "mediaUrl": "https://files.example.test/film.mp4"}
    cards = [{"header": header, "body": {"placeholders": []}, **card}] * 2
    data = {"body": {"placeholders": ["Mira"]}, "carousel": {"cards": cards}}
    content = {"templateName": "cards", "language": "en", "templateData": data}
    _, use = infobip_messages.read("template", {"from": "15550100008", "content": content})
    assert use is not None
    assert use.cards is not None
    return use.cards


def test_a_card_names_only_the_buttons_that_take_a_value() -> None:
    assert read(buttons=[{"type": "URL", "parameter": "ab12"}]) == 2
    assert read() == 2, "its only button is a fixed URL"


@pytest.mark.parametrize("buttons", [[], [{"type": "QUICK_REPLY", "parameter": "yes"}] * 3])
def test_a_list_of_buttons_has_one_or_two(buttons: list[dict[str, str]]) -> None:
    with pytest.raises(Refusal, match="one or two buttons"):
        read(buttons=buttons)
