"""Meta's and CleverTap's limits, each with the place it is told at."""

from collections.abc import Callable
from typing import Any

import pytest

from simulator.templates import default
from templates_app.content.draft import Button, Card, Draft, Header, Words, write
from templates_app.content.languages import LANGUAGES
from templates_app.content.rules import Checked, check, label


def checked(draft: Draft, **about: Any) -> Checked:
    given: dict[str, Any] = {"name": "sale", "language": "en", "category": "MARKETING"} | about
    return check(write(draft)[0], **given)


def basic(**parts: Any) -> Draft:
    return Draft(**{"body": Words("Hello {{1}}, welcome.", {"1": "Mira"})} | parts)


def quick(*labels: str) -> list[Button]:
    return [Button("QUICK_REPLY", words) for words in labels]


def url(address: str = "https://shop.example.test/{{1}}", text: str = "Shop") -> Button:
    return Button("URL", text, address, example="a")


def call(number: str = "+14155550100") -> Button:
    return Button("PHONE_NUMBER", "Call us", phone=number)


CODE = Button("COPY_CODE", example="SAVE20")
PICTURE = Header("IMAGE", media="https://cdn.example.test/1.png")


def card(**parts: Any) -> Card:
    return Card(**{"header": PICTURE, "body": Words("Look here"), "buttons": [url()]} | parts)


def carousel(*cards: Card, **parts: Any) -> Draft:
    return Draft(**{"kind": "carousel", "body": Words("See these"), "cards": list(cards)} | parts)


def offer(**parts: Any) -> Draft:
    defaults: dict[str, Any] = {
        "kind": "limited-time offer",
        "header": PICTURE,
        "offer": "Ends soon",
        "expires": True,
        "body": Words("Twenty percent off."),
        "buttons": [CODE, url()],
    }
    return Draft(**defaults | parts)


@pytest.mark.parametrize(
    "draft",
    [
        basic(),
        basic(
            header=Header("TEXT", "Hola {{1}}", {"1": "Mira"}), footer="Bye", buttons=[url(), call(), CODE]
        ),
        basic(buttons=[*quick("A", "B"), url(), call()]),
        basic(buttons=[url(), call(), *quick("A", "B")]),
        basic(body=Words("x" * 1024)),
        offer(),
        offer(header=Header(), buttons=[url()]),
        carousel(card(), card()),
        carousel(*[card(body=Words()) for _ in range(10)]),
    ],
)
def test_what_is_allowed(draft: Draft) -> None:
    assert checked(draft).problems == {}


def long_card(length: int) -> Draft:
    return carousel(*[card(body=Words("x" * length))] * 2)


def offered_code(length: int) -> Draft:
    return offer(buttons=[Button("COPY_CODE", example="X" * length), url()])


@pytest.mark.parametrize(
    ("make", "most", "place"),
    [
        (lambda n: basic(body=Words("x" * n)), 1024, "body.text"),
        (lambda n: basic(header=Header("TEXT", "x" * n)), 60, "header.text"),
        (lambda n: basic(footer="x" * n), 60, "footer"),
        (lambda n: basic(buttons=quick("x" * n)), 25, "buttons.0.text"),
        (lambda n: basic(buttons=[url("https://x.example/" + "x" * (n - 18))]), 2000, "buttons.0.url"),
        (lambda n: basic(buttons=[call("+1 4155550100" + "-" * (n - 13))]), 20, "buttons.0.phone"),
        (lambda n: basic(buttons=[Button("COPY_CODE", example="X" * n)]), 20, "buttons.0.example"),
        (lambda n: basic(buttons=quick(*map(str, range(n)))), 10, "buttons"),
        (lambda n: basic(buttons=[url()] * n), 2, "buttons"),
        (lambda n: basic(buttons=[call()] * n), 1, "buttons"),
        (lambda n: basic(buttons=[CODE] * n), 1, "buttons"),
        (lambda n: offer(offer="x" * n), 16, "offer"),
        (lambda n: offer(body=Words("x" * n)), 600, "body.text"),
        (offered_code, 15, "buttons.0.example"),
        (long_card, 160, "cards.0.body.text"),
        (lambda n: carousel(*[card()] * n), 10, "cards"),
        (lambda n: carousel(*[card(buttons=quick(*map(str, range(n))))] * 2), 3, "cards.0.buttons"),
    ],
)
def test_up_to_the_limit_and_no_further(make: Callable[[int], Draft], most: int, place: str) -> None:
    for number in (most - 1, most):
        assert not number or checked(make(number)).problems == {}
    assert list(checked(make(most + 1)).problems)[:1] == [place]


@pytest.mark.parametrize(
    ("category", "least", "most"),
    [("AUTHENTICATION", 30, 900), ("UTILITY", 30, 43_200), ("MARKETING", 43_200, 2_592_000)],
)
def test_lifetimes_at_their_limits(category: str, least: int, most: int) -> None:
    for seconds in (least, least + 1, most - 1, most):
        assert checked(basic(), category=category, ttl_seconds=seconds).problems == {}
    for seconds in (least - 1, most + 1):
        assert set(checked(basic(), category=category, ttl_seconds=seconds).problems) == {"ttl_seconds"}


def test_names_and_quick_replies_at_their_limits() -> None:
    for length in (511, 512):
        assert checked(basic(), name="a" * length).problems == {}
    for number, hinted in ((5, False), (6, False), (7, True)):
        hints = checked(basic(buttons=quick(*map(str, range(number))))).hints
        assert ("five quick replies" in hints["buttons"]) == hinted
    for number, hinted in ((1, False), (2, False), (3, True)):
        hints = checked(carousel(*[card(buttons=[url(), url(), call()][:number])] * 2)).hints
        assert ("cards.0.buttons" in hints) == hinted


def test_what_meta_approved_passes() -> None:
    assert len(default()) > 10
    for template in default():
        found = check(
            template["components"],
            name=template["name"],
            language=template["language"],
            category=template["category"],
            parameter_format=template.get("parameter_format", "POSITIONAL"),
        )
        # The one that begins with its variable is what a BSP with looser rules than Meta lists.
        expected = {"body.text"} if template["name"] == "weekend_sale_image" else set()
        assert set(found.problems) == expected, template["name"]


@pytest.mark.parametrize(
    ("about", "place", "words"),
    [
        ({"name": ""}, "name", "only the letters a to z"),
        ({"name": "Order Ready"}, "name", "only the letters a to z"),
        ({"name": "a" * 513}, "name", "513 characters; Meta allows 512"),
        ({"language": "en-GB"}, "language", "not one of Meta's language codes"),
        ({"language": ""}, "language", "not one of"),
        ({"category": "UTILITY", "ttl_seconds": 29}, "ttl_seconds", "30 to 43,200"),
        ({"ttl_seconds": -1}, "ttl_seconds", "43,200 to 2,592,000"),
        ({"parameter_format": "NAMED"}, "body.text", "format is named"),
    ],
)
def test_what_stands_beside_the_content(about: dict[str, Any], place: str, words: str) -> None:
    assert words in checked(basic(), **about).problems[place]
    assert checked(basic(), category="UTILITY", ttl_seconds=-1).problems == {}
    assert len(LANGUAGES) == 111


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "accepts no template without one"),
        ("x" * 1025, "1,025 characters; Meta allows 1,024"),
        ("{{1}} hello", "first or the last"),
        ("Hello {{1}}", "first or the last"),
        ("Hello {{1}} {{2}}, bye", "next to each other"),
        ("Hello {{1}}{{2}}, bye", "next to each other"),
        ("Hello {{2}}, bye", "{{1}} is missing"),
        ("Hello {{1}} and {{3}}, bye", "{{2}} is missing"),
        ("Hello {{1}} and {{name}}, bye", "all numbers or all names"),
        ("Hello {{01}}, bye", "{{1}} is missing"),
        (f"Hello {{{{{'9' * 5000}}}}}, bye", "5,015 characters"),
        ("Hello {{first name}}, bye", "two braces"),
        ("Hello {{1}, bye", "two braces"),
        ("Hello {{}}, bye", "two braces"),
        ("Hello {{name}}, bye", "format is positional"),
    ],
)
def test_the_body(words: str, said: str) -> None:
    assert said in checked(basic(body=Words(words))).problems["body.text"]


def test_named_variables() -> None:
    good = basic(body=Words("Hello {{first_name}}, bye.", {"first_name": "Mira"}))
    assert checked(good, parameter_format="NAMED").problems == {}
    bad = basic(body=Words("Hello {{First}}, bye."))
    assert "lower-case" in checked(bad, parameter_format="NAMED").problems["body.text"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "choose none"),
        ("x" * 61, "61 characters; Meta allows 60"),
        ("One\ntwo", "one line"),
        ("{{1}} and {{2}}", "at most one variable"),
    ],
)
def test_a_text_header(words: str, said: str) -> None:
    assert said in checked(basic(header=Header("TEXT", words))).problems["header.text"]


@pytest.mark.parametrize(("words", "said"), [("x" * 61, "Meta allows 60"), ("Hi {{1}}", "no variables")])
def test_the_footer(words: str, said: str) -> None:
    assert said in checked(basic(footer=words)).problems["footer"]


@pytest.mark.parametrize(
    ("buttons", "place", "said"),
    [
        (quick(*"abcdefghijk"), "buttons", "11 buttons; Meta allows 10"),
        ([url(), url(), url()], "buttons", "3 URL buttons; Meta allows 2"),
        ([call(), call()], "buttons", "2 call buttons; Meta allows 1"),
        ([CODE, CODE], "buttons", "2 copy code buttons; Meta allows 1"),
        ([*quick("A"), url(), *quick("B")], "buttons", "stand together"),
        ([url(), *quick("A"), url()], "buttons", "stand together"),
        ([url(text="")], "buttons.0.text", "Write what the button says"),
        (quick("x" * 26), "buttons.0.text", "26 characters; Meta allows 25"),
        (quick("Hi {{1}}"), "buttons.0.text", "no variables"),
        ([url("shop.example.test")], "buttons.0.url", "Write the whole address"),
        ([url("")], "buttons.0.url", "Write the whole address"),
        ([url("https://shop.example.test/{{1}}/x")], "buttons.0.url", "at its very end"),
        ([url("https://shop.example.test/{{1}}{{2}}")], "buttons.0.url", "at its very end"),
        ([url("https://shop.example.test/" + "x" * 2000)], "buttons.0.url", "Meta allows 2,000"),
        ([url(), call("ask")], "buttons.1.phone", "with its country code"),
        ([call("+" + "1" * 21)], "buttons.0.phone", "22 characters; Meta allows 20"),
        ([Button("COPY_CODE", example="SAVE 20")], "buttons.0.example", "only letters and digits"),
        ([Button("COPY_CODE", example="X" * 21)], "buttons.0.example", "Meta allows 20"),
    ],
)
def test_the_buttons(buttons: list[Button], place: str, said: str) -> None:
    assert said in checked(basic(buttons=buttons)).problems[place]


@pytest.mark.parametrize(
    ("parts", "place", "said"),
    [
        ({"header": Header("TEXT", "Sale")}, "header", "an image, a video or no header"),
        ({"offer": ""}, "offer", "Write the offer's heading"),
        ({"offer": "x" * 17}, "offer", "17 characters; Meta allows 16"),
        ({"body": Words("x" * 601)}, "body.text", "601 characters; Meta allows 600"),
        ({"footer": "Bye"}, "footer", "no footer"),
        ({"buttons": [CODE]}, "buttons", "needs a URL button"),
        ({"buttons": [url(), CODE]}, "buttons", "comes first"),
        ({"buttons": [Button("COPY_CODE", example="X" * 16), url()]}, "buttons.0.example", "Meta allows 15"),
    ],
)
def test_a_limited_time_offer(parts: dict[str, Any], place: str, said: str) -> None:
    assert said in checked(offer(**parts)).problems[place]
    assert "always marketing" in checked(offer(), category="UTILITY").problems["category"]


@pytest.mark.parametrize(
    ("draft", "place", "said"),
    [
        (carousel(card()), "cards", "1 card; a carousel has 2 to 10"),
        (carousel(*[card()] * 11), "cards", "11 cards; a carousel has 2 to 10"),
        (carousel(card(), card(header=Header())), "cards.1.header", "needs an image or a video"),
        (carousel(card(), card(header=Header("VIDEO"))), "cards.1.header", "the same kind of header"),
        (
            carousel(card(), card(body=Words())),
            "cards.1.body.text",
            "all cards have a text, or no card has one",
        ),
        (
            carousel(card(), card(body=Words("x" * 161))),
            "cards.1.body.text",
            "161 characters; Meta allows 160",
        ),
        (carousel(card(), card(buttons=[])), "cards.1.buttons", "one or 2 buttons"),
        (carousel(card(), card(buttons=quick(*"abcd"))), "cards.1.buttons", "one or 2 buttons"),
        (carousel(card(), card(buttons=quick("Yes"))), "cards.1.buttons", "the same types of buttons"),
        (carousel(card(), card(buttons=[CODE])), "cards.1.buttons", "only quick replies, URL and call"),
        (carousel(card(), card(buttons=[url("x")])), "cards.1.buttons.0.url", "whole address"),
        (carousel(card(), card(), body=Words()), "body.text", "accepts no template without one"),
        (carousel(card(), card(), footer="Bye"), "footer", "Only the cards"),
        (carousel(card(), card(), header=PICTURE), "header", "Only the cards"),
        (carousel(card(), card(), buttons=quick("Yes")), "buttons", "Only the cards"),
    ],
)
def test_a_carousel(draft: Draft, place: str, said: str) -> None:
    assert said in checked(draft).problems[place]
    assert "always marketing" in checked(draft, category="UTILITY").problems["category"]


def test_hints_are_not_problems() -> None:
    found = checked(
        basic(
            header=Header("IMAGE"),
            body=Words("Hi {{1}} you {{2}} me"),
            buttons=[
                Button("URL", "Shop", "https://shop.example.test/{{1}}"),
                Button("COPY_CODE"),
                *quick("A", "B"),
            ],
        )
    )
    assert found.problems == {}
    assert set(found.hints) == {
        "header.media",
        "body.examples.1",
        "body.examples.2",
        "buttons",
        "buttons.0.example",
        "buttons.1.example",
    }
    few = checked(basic(body=Words("a, {{1}}-{{2}}-{{3}}-{{4}} b")))
    assert "so few words" in few.hints["body.text"]
    three = carousel(*[card(buttons=[url(), url(), call()])] * 2)
    assert "2 buttons on a card" in checked(three).hints["cards.0.buttons"]
    assert "five quick replies" in checked(basic(buttons=quick(*"abcdefg"))).hints["buttons"]
    assert "authentication" in checked(basic(), category="AUTHENTICATION").hints["category"]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("body.text", "body"),
        ("header.media", "header, sample"),
        ("body.examples.1", "body, example of {{1}}"),
        ("cards.1.buttons.0.url", "card 2, button 1, URL"),
        ("buttons.2.text", "button 3, text"),
        ("buttons", "buttons"),
        ("cards.0.body.text", "card 1, body"),
    ],
)
def test_places_in_words(place: str, words: str) -> None:
    assert label(place) == words
