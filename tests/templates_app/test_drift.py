"""What CleverTap sends against what is registered, both ways."""

from typing import Any

import pytest

from providers.messages import Button, Card, Header, Media, Offer, TemplateContent, Value
from templates_app.content.components import problems, shape
from templates_app.content.drift import Difference, differences, guessed


def content(**values: Any) -> TemplateContent:
    return TemplateContent("t", "en", **values)


BODY = {"type": "BODY", "text": "Hello {{1}},\nyour order {{2}} is ready"}
TWO = (Value("Mira"), Value("88"))


def test_the_same_words_are_no_difference() -> None:
    sent = content(body=TWO, body_text="Hello Mira, your  order 88 is ready")
    assert differences([BODY], sent) == []
    assert differences([BODY], content(body=TWO)) == [], "a text that was not sent is not compared"


def test_other_words_are() -> None:
    found = differences([BODY], content(body=TWO, body_text="Hi Mira, your order 88 is ready"))
    assert found == [
        Difference("body", "Hello Mira,\nyour order 88 is ready", "Hi Mira, your order 88 is ready")
    ]


def test_named_values_are_filled_in_by_name() -> None:
    components = [{"type": "BODY", "text": "Hello {{first}}, {{order}}"}]
    body = (Value("88", "order"), Value("Mira", "first"))
    assert differences(components, content(body=body, body_text="Hello Mira, 88")) == []


def test_every_part_is_compared() -> None:
    components = [
        {"type": "HEADER", "format": "TEXT", "text": "Order"},
        {"type": "BODY", "text": "Hi"},
        {"type": "FOOTER", "text": "Shop"},
        {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Yes"}]},
        {"type": "CAROUSEL", "cards": [{"components": [{"type": "BODY", "text": "One"}]}]},
    ]
    sent = content(
        header=Header("text", "Orders"),
        body_text="Ho",
        footer="Store",
        buttons=(Button(0, "quick_reply", "No"),),
        cards=(Card(body_text="Two"),),
    )
    places = ["header", "body", "footer", "button 1", "card 1, body"]
    assert [each.where for each in differences(components, sent)] == places


def test_values_that_do_not_fit_are_told() -> None:
    [found] = differences([BODY], content(body=(Value("Mira"),)))
    assert found.where == "values"
    assert "2 variables" in found.registered


FULL = content(
    header=Header("image", media=Media("https://cdn.example/a.jpg")),
    body=(Value("Mira"), Value("8"), Value("88")),
    body_text="Mira: 88 for 8",
    footer="Shop",
    buttons=(Button(0, "dynamic_url", "Track", "abc"), Button(2, "copy_code", "Copy", "SAVE8")),
)
OFFER = content(body_text="Sale", offer=Offer("Ends", 99), buttons=(Button(0, "call", "Call", "+1555"),))
CARD = Card(
    header=Header("video", media=Media("https://cdn.example/a.mp4")),
    body=(Value("Shoes"),),
    body_text="Red Shoes",
    buttons=(Button(0, "quick_reply", "More"), Button(1, "static_url", "See", "https://x.example")),
)


@pytest.mark.parametrize(
    "sent",
    [
        content(),
        FULL,
        OFFER,
        content(body_text="Look", cards=(CARD, CARD)),
        content(body=(Value("a", "x"), Value("b", "y")), body_text="b, a"),
        content(body=(Value("Mira"), Value("88")), body_text="Nothing of it"),
        content(header=Header("text", "Hi Mira", (Value("Mira"),)), body_text="Hi"),
    ],
)
def test_a_guess_fits_the_message_it_was_made_from(sent: TemplateContent) -> None:
    """So that registering it neither refuses nor changes what was going through."""
    assert list(problems(sent, shape(guessed(sent)), 0)) == []


def test_a_guess_has_the_variables_where_the_values_were() -> None:
    components = {each["type"]: each for each in guessed(FULL)}
    assert [each["type"] for each in guessed(FULL)] == ["HEADER", "BODY", "FOOTER", "BUTTONS"]
    assert components["BODY"]["text"] == "{{1}}: {{3}} for {{2}}"
    assert components["BODY"]["example"] == {"body_text": [["Mira", "8", "88"]]}
    assert components["HEADER"]["format"] == "IMAGE"
    assert [each["type"] for each in components["BUTTONS"]["buttons"]] == ["URL", "QUICK_REPLY", "COPY_CODE"]


def test_what_a_guess_cannot_find_comes_last() -> None:
    sent = content(body=(Value("Mira"), Value("88")), body_text="Order 88")
    assert guessed(sent)[0]["text"] == "Order {{2}} {{1}}"
