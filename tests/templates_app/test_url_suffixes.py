"""CleverTap posts the suffix or the whole URL: the BSP always gets the suffix."""

import pytest

from providers.messages import Button, Card, Header, TemplateContent, Value
from templates_app.content.url_suffixes import cut

SHOP = "https://shop.example.test/{{1}}"


def url_button(url: str) -> list[dict[str, object]]:
    return [{"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY"}, {"type": "URL", "url": url}]}]


def suffix(value: str, url: str = SHOP) -> str:
    button = Button(1, "dynamic_url", value=value)
    return cut(TemplateContent("a", "en", buttons=(button,)), url_button(url)).buttons[0].value


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("cart/7", "cart/7"),
        ("https://shop.example.test/cart/7", "cart/7"),
        ("https://other.example.test/cart/7", "https://other.example.test/cart/7"),
        ("https://shop.example.test/", ""),
    ],
)
def test_a_whole_url_is_cut(value: str, wanted: str) -> None:
    assert suffix(value) == wanted


def test_what_follows_the_variable_is_cut_too() -> None:
    assert suffix("https://s.example.test/a/7?u=wa", "https://s.example.test/a/{{1}}?u=wa") == "7"


def test_a_url_that_is_all_variable_stays() -> None:
    assert suffix("https://s.example.test/7", "{{1}}") == "https://s.example.test/7"


def test_a_static_url_is_left_alone() -> None:
    assert suffix("https://s.example.test/", "https://s.example.test/") == "https://s.example.test/"


def test_cards_have_urls_of_their_own() -> None:
    cards = [{"components": url_button(f"https://c{n}.example.test/{{{{1}}}}")} for n in (0, 1)]
    content = TemplateContent(
        "a",
        "en",
        cards=tuple(
            Card(buttons=(Button(1, "dynamic_url", value=f"https://c{n}.example.test/x{n}"),)) for n in (0, 1)
        ),
    )
    fitted = cut(content, [{"type": "carousel", "cards": cards}])
    assert [card.buttons[0].value for card in fitted.cards] == ["x0", "x1"]


@pytest.mark.parametrize(
    ("words", "registered", "values"),
    [
        ("Order 88", "Order {{1}}", (Value("88"),)),
        ("88 is ready", "{{order}} is ready", (Value("88", name="order"),)),
        ("88", "{{1}}", (Value("88"),)),
        ("Bestellung 88", "Order {{1}}", ()),
        ("Order 88", "Order 88", ()),
        ("a b", "{{1}} {{2}}", ()),
    ],
)
def test_a_header_that_came_as_text_gets_its_value(
    words: str, registered: str, values: tuple[Value, ...]
) -> None:
    content = TemplateContent("a", "en", header=Header("text", text=words))
    header = cut(content, [{"type": "HEADER", "format": "TEXT", "text": registered}]).header
    assert header == Header("text", text=words, values=values)


def test_a_headers_own_values_come_first() -> None:
    header = Header("text", text="Order 88", values=(Value("89"),))
    content = TemplateContent("a", "en", header=header)
    assert cut(content, [{"type": "HEADER", "text": "Order {{1}}"}]).header == header


@pytest.mark.parametrize(
    "components", [[], [{"type": "BUTTONS"}], [{"type": "BUTTONS", "buttons": [None, 3]}]]
)
def test_a_template_without_that_button_changes_nothing(components: list[dict[str, object]]) -> None:
    content = TemplateContent("a", "en", buttons=(Button(1, "dynamic_url", value="x"),))
    assert cut(content, components) == content
