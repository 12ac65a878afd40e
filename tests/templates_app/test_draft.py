"""The editor's draft: taken from components, and written back without losing what it does not know."""

from typing import Any

import pytest

from simulator.templates import default
from templates_app.content.draft import Button, Card, Draft, Header, Words, read, write
from tests.templates_app.test_components import BODY, BUTTONS, CAROUSEL, FULL, IMAGE, OPEN

FOOTER = {"type": "FOOTER", "text": "Reply STOP"}


@pytest.mark.parametrize(
    "components",
    [
        FULL,
        [BODY, CAROUSEL],
        [{"type": "HEADER", "format": "LOCATION"}, BODY, FOOTER],
        [
            {"type": "HEADER", "format": "TEXT", "text": "Hi {{1}}", "example": {"header_text": ["Mira"]}},
            BODY,
        ],
        [
            {
                "type": "BODY",
                "text": "Hi {{first_name}}!",
                "example": {"body_text_named_params": [{"param_name": "first_name", "example": "Mira"}]},
            }
        ],
        # An authentication template: its texts are Meta's own.
        [
            {"type": "BODY", "add_security_recommendation": True},
            {"type": "FOOTER", "code_expiration_minutes": 5},
            {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE", "text": "Copy code"}]},
        ],
        [
            {"type": "HEADER", "format": "PRODUCT"},
            BODY,
            {"type": "BUTTONS", "buttons": [{"type": "FLOW", "text": "Go", "flow_id": "1"}]},
        ],
        [BODY, {"type": "call_permission_request"}],
    ],
)
def test_what_was_read_is_written_again(components: list[Any]) -> None:
    ordered = sorted(components, key=lambda each: ORDER.index(each["type"]))
    assert write(read(components))[0] == ordered


ORDER = [
    "HEADER",
    "LIMITED_TIME_OFFER",
    "BODY",
    "FOOTER",
    "BUTTONS",
    "CAROUSEL",
    "call_permission_request",
]


def test_the_whole_catalogue_survives() -> None:
    for template in default():
        written, _ = write(read(template["components"]))
        assert by_type(written) == by_type(template["components"]), template["name"]


def by_type(components: list[Any]) -> list[Any]:
    return sorted(components, key=lambda each: str(each["type"]).upper())


def test_tracked_buttons_move_with_their_card() -> None:
    draft = read([BODY, CAROUSEL], ["card.1.button.0"])
    assert [card.buttons[0].tracked for card in draft.cards] == [False, True]
    draft.cards.reverse()
    assert write(draft)[1] == ["card.0.button.0"]
    draft.cards[0].buttons[0].url = "https://shop.example.test/"  # without a variable nothing is tracked
    assert write(draft)[1] == []


def test_unknown_keys_stay_with_their_button() -> None:
    known = {**OPEN, "app_deep_link": {"android": "x"}}
    draft = read([BODY, {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Yes"}, known]}])
    draft.buttons.pop(0)
    draft.buttons[0].text = "Shop"
    assert write(draft)[0][1]["buttons"] == [known | {"text": "Shop"}]
    draft.buttons[0].type = "QUICK_REPLY"  # another type has other keys
    assert write(draft)[0][1]["buttons"] == [{"type": "QUICK_REPLY", "text": "Shop"}]


def test_another_header_forgets_the_former_ones_sample() -> None:
    draft = read([IMAGE, BODY])
    draft.header = Header("TEXT", "Sale {{1}}", {"1": "today", "2": "of a variable that is gone"})
    assert write(draft)[0][0] == {
        "type": "HEADER",
        "format": "TEXT",
        "text": "Sale {{1}}",
        "example": {"header_text": ["today"]},
    }


def test_a_carousel_from_nothing() -> None:
    card = Card(
        Header("IMAGE", media="https://cdn.example.test/1.png"),
        Words("Only {{1}} left", {"1": "two"}),
        [Button("URL", "Buy", "https://shop.example.test/{{1}}", example="a")],
    )
    components, tracked = write(Draft(kind="carousel", body=Words("Look at this"), cards=[card, card]))
    assert components[0] == {"type": "BODY", "text": "Look at this"}
    assert components[1]["cards"][1]["components"] == [
        {
            "type": "HEADER",
            "format": "IMAGE",
            "example": {"header_handle": ["https://cdn.example.test/1.png"]},
        },
        {"type": "BODY", "text": "Only {{1}} left", "example": {"body_text": [["two"]]}},
        {
            "type": "BUTTONS",
            "buttons": [
                {"type": "URL", "text": "Buy", "url": "https://shop.example.test/{{1}}", "example": ["a"]}
            ],
        },
    ]
    assert tracked == []


def test_a_kind_takes_only_its_own_parts_along() -> None:
    draft = Draft(kind="basic", body=Words("Hi"), cards=[Card()], offer="Ends soon")
    assert write(draft)[0] == [{"type": "BODY", "text": "Hi"}]
    draft.kind = "limited-time offer"
    assert write(draft)[0][0] == {
        "type": "LIMITED_TIME_OFFER",
        "limited_time_offer": {"text": "Ends soon", "has_expiration": False},
    }


def test_components_of_any_shape_are_read() -> None:
    odd: list[Any] = [
        {"type": None},
        {"type": "BODY", "text": None},
        {"type": "BUTTONS", "buttons": [None, {}]},
    ]
    assert read(odd).body == Words()
    assert read([{"type": "carousel", "cards": [{"components": None}, None]}]).cards == [Card()]
    assert BUTTONS["buttons"][0]["type"] == "QUICK_REPLY"
