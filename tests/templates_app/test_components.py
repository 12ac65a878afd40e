"""What a template asks of a message, and what is said when the message does not bring it."""

from typing import Any

import pytest
from msgspec.structs import replace

from providers.messages import Button, Card, Header, Location, Media, Offer, TemplateContent, Value
from templates_app.content.components import kind_of, problems, shape, slots, unsupported, variables

NOW = 1_767_225_600_000

BODY = {"type": "BODY", "text": "Hello {{1}}, {{2}} waits. {{1}}!", "example": {"body_text": [["Mira", "8"]]}}
IMAGE = {
    "type": "HEADER",
    "format": "IMAGE",
    "example": {"header_handle": ["https://cdn.example.test/h.png"]},
}
OPEN = {"type": "URL", "text": "Open", "url": "https://shop.example.test/{{1}}", "example": ["a/7"]}
BUTTONS = {
    "type": "BUTTONS",
    "buttons": [{"type": "QUICK_REPLY", "text": "Yes"}, OPEN, {"type": "COPY_CODE", "example": "SAVE20"}],
}
OFFER = {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Ends soon", "has_expiration": True}}
CARD = {"components": [IMAGE, {"type": "BODY", "text": "Only {{1}}"}, {"type": "BUTTONS", "buttons": [OPEN]}]}
CAROUSEL = {"type": "CAROUSEL", "cards": [CARD, CARD]}

FULL = [IMAGE, BODY, OFFER, BUTTONS]
FILLED = TemplateContent(
    "sale",
    "en",
    header=Header("image", media=Media("https://cdn.example.test/h.png")),
    body=(Value("Mira"), Value("8")),
    buttons=(Button(1, "dynamic_url", value="a/7"), Button(2, "copy_code", value="SAVE20")),
    offer=Offer(expires_ms=NOW + 1),
)
CARD_FILLED = Card(
    header=Header("image", media=Media("https://cdn.example.test/c.png")),
    body=(Value("5 €"),),
    buttons=(Button(0, "dynamic_url", value="x"),),
)


def said(content: TemplateContent, components: list[Any] = FULL) -> list[str]:
    return list(problems(content, shape(components), NOW))


def test_a_message_that_brings_everything_passes() -> None:
    assert said(FILLED) == []
    cards = TemplateContent("c", "en", body=(), cards=(CARD_FILLED, CARD_FILLED))
    assert said(cards, [{"type": "BODY", "text": "Look"}, CAROUSEL]) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"body": (Value("Mira"),)}, "body: the template has 2 variables, the message has 1"),
        ({"body": (Value("Mira"), Value(" "))}, "body variable 2: empty"),
        (
            {"body": (Value("Mira"), Value("8"), Value("9"))},
            "body: the template has 2 variables, the message has 3",
        ),
        (
            {"body": (Value("Mira", name="1"), Value("8", name="2"), Value("9", name="3"))},
            "body: the template has 2 variables, the message has 3",
        ),
        ({"header": None}, "header: the template needs an image header, not none"),
        (
            {"header": Header("video", media=Media("https://a.example.test"))},
            "header: the template needs an image header, not video",
        ),
        ({"header": Header("image")}, "header image: the media URL is missing"),
        (
            {"buttons": (Button(2, "copy_code", value="SAVE20"),)},
            "button 1 (Open): the URL suffix is missing",
        ),
        (
            {"buttons": (Button(1, "dynamic_url", value="a{{1}}"), Button(2, "copy_code", value="S"))},
            "button 1 (Open): the URL suffix still holds a placeholder",
        ),
        (
            {"buttons": (Button(1, "dynamic_url", value="a"), Button(2, "copy_code", value="S" * 16))},
            "button 2: the code is longer than 15 characters",
        ),
        ({"buttons": (Button(1, "dynamic_url", value="a"),)}, "button 2: the code is missing"),
        (
            {"buttons": (*FILLED.buttons, Button(3, "dynamic_url", value="a"))},
            "button 3: the template has no such button",
        ),
        ({"offer": None}, "limited_time_offer: expiration_time_ms is missing"),
        ({"offer": Offer(expires_ms=NOW)}, "limited_time_offer: expiration_time_ms is in the past"),
        ({"cards": (CARD_FILLED,)}, "carousel: the template has 0 cards, the message has 1"),
    ],
)
def test_what_is_missing_is_named(change: dict[str, Any], problem: str) -> None:
    assert said(replace(FILLED, **change)) == [problem]


def test_variables_that_a_text_header_does_not_have() -> None:
    hello = [{"type": "HEADER", "format": "TEXT", "text": "Hello"}, {"type": "BODY", "text": "Look"}]
    content = TemplateContent("h", "en", header=Header("text", text="Hello", values=(Value("Mira"),)))
    assert said(content, hello) == ["header: the template has 0 variables, the message has 1"]
    assert said(content, hello[1:]) == ["header: the template has 0 variables, the message has 1"]
    assert said(replace(content, header=Header("text", text="Hello")), hello) == []


@pytest.mark.parametrize(("length", "fits"), [(14, True), (15, True), (16, False)])
def test_the_longest_code(length: int, fits: bool) -> None:
    code = Button(2, "copy_code", value="S" * length)
    found = said(replace(FILLED, buttons=(Button(1, "dynamic_url", value="a"), code)))
    assert found == ([] if fits else ["button 2: the code is longer than 15 characters"])


def test_a_cards_problem_names_the_card() -> None:
    broken = replace(CARD_FILLED, body=())
    content = TemplateContent("c", "en", cards=(CARD_FILLED, broken))
    assert said(content, [CAROUSEL]) == ["card 1, body: the template has 1 variables, the message has 0"]


def test_static_buttons_take_nothing_and_may_be_left_out() -> None:
    static = [{"type": "URL", "url": "https://a.example.test"}, {"type": "PHONE_NUMBER"}]
    components = [{"type": "BUTTONS", "buttons": static}]
    assert said(TemplateContent("s", "en"), components) == []
    buttons = (Button(0, "static_url", value="https://a.example.test"), Button(1, "call", value="1"))
    assert said(TemplateContent("s", "en", buttons=buttons), components) == []


def test_named_variables_may_come_in_any_order() -> None:
    components = [{"type": "BODY", "text": "{{first_name}} {{order}}"}]
    both = (Value("8", name="order"), Value("Mira", name="first_name"))
    assert said(TemplateContent("n", "en", body=both), components) == []
    assert said(TemplateContent("n", "en", body=both[:1]), components) == [
        "body variable first_name: missing"
    ]
    strange = (*both, Value("Rome", name="city"))
    assert said(TemplateContent("n", "en", body=strange), components) == [
        "body: the template has 2 variables, the message has 3"
    ]


def test_a_location_header_needs_a_location() -> None:
    components = [{"type": "HEADER", "format": "LOCATION"}]
    here = TemplateContent("l", "en", header=Header("location", location=Location(19.0, 72.0)))
    assert said(here, components) == []
    assert said(TemplateContent("l", "en"), components) == [
        "header: the template needs a location header, not none"
    ]


def test_slots_are_what_a_person_fills_in() -> None:
    found = [(slot.path, slot.kind, slot.example) for slot in slots([*FULL, CAROUSEL])]
    card = ("https://cdn.example.test/h.png", "a/7")
    assert found == [
        ("header", "image", "https://cdn.example.test/h.png"),
        ("body.1", "text", "Mira"),
        ("body.2", "text", "8"),
        ("offer", "expiry", ""),
        ("button.0", "payload", ""),
        ("button.1", "url", "a/7"),
        ("button.2", "code", "SAVE20"),
        *[
            each
            for n in (0, 1)
            for each in (
                (f"card.{n}.header", "image", card[0]),
                (f"card.{n}.body.1", "text", ""),
                (f"card.{n}.button.0", "url", card[1]),
            )
        ],
    ]


@pytest.mark.parametrize(
    ("example", "first"),
    [
        ({"body_text": [["Mira", "8"]]}, "Mira"),
        ({"body_text": ["Mira", "8"]}, "Mira"),
        ({"body_text": "Mira"}, "Mira"),
        ({"body_text_named_params": [{"param_name": "1", "example": "Mira"}]}, "Mira"),
        (None, ""),
        ({"body_text": 7}, "7"),
    ],
)
def test_examples_come_in_many_shapes(example: Any, first: str) -> None:
    assert slots([{"type": "BODY", "text": "Hi {{1}}", "example": example}])[0].example == first


@pytest.mark.parametrize(
    ("text", "names"),
    [("{{2}} {{1}} {{2}}", ("1", "2")), ("{{ a }} {{b}}", ("a", "b")), ("none", ()), ("{{}} {1}", ())],
)
def test_variables_of_a_text(text: str, names: tuple[str, ...]) -> None:
    assert variables(text) == names


def test_the_kinds() -> None:
    assert [kind_of(one) for one in ([BODY], FULL, [CAROUSEL])] == ["basic", "limited-time offer", "carousel"]


@pytest.mark.parametrize(
    "odd", [[], [{}], [{"type": None}], [{"type": "BUTTONS", "buttons": 3}], [{"type": "CAROUSEL"}]]
)
def test_odd_components_ask_for_nothing(odd: list[Any]) -> None:
    assert slots(odd) == []
    assert said(TemplateContent("odd", "en"), odd) == []
    assert said(FILLED, odd) == [
        "header: the template has no header, not image",
        "body: the template has 0 variables, the message has 2",
        "button 1: the template has no such button",
        "button 2: the template has no such button",
    ]


@pytest.mark.parametrize("length", [1, 14, 15])
def test_a_code_at_the_limit(length: int) -> None:
    code = Button(2, "copy_code", value="S" * length)
    assert said(replace(FILLED, buttons=(FILLED.buttons[0], code))) == []


@pytest.mark.parametrize(
    ("category", "components", "why"),
    [
        ("MARKETING", FULL, ""),
        ("MARKETING", [BODY, CAROUSEL], ""),
        ("AUTHENTICATION", [BODY], "authentication templates"),
        ("UTILITY", [{"type": "BUTTONS", "buttons": [{"type": "FLOW"}]}], "the button type flow"),
        ("UTILITY", [{"type": "HEADER", "format": "PRODUCT"}], "the header format product"),
        ("UTILITY", [{"type": "CATALOG"}], "the component catalog"),
        (
            "UTILITY",
            [
                {
                    "type": "CAROUSEL",
                    "cards": [{"components": [{"type": "BUTTONS", "buttons": [{"type": "SPM"}]}]}],
                }
            ],
            "the button type spm",
        ),
    ],
)
def test_what_clevertap_cannot_use(category: str, components: list[Any], why: str) -> None:
    assert unsupported(category, components) == why
