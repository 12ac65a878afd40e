"""Values put into a template's slots: the message CleverTap would send."""

from providers.dialects.clevertap.messages import clevertap_payload
from providers.dialects.clevertap.requests import read_send
from providers.messages import Header, Location, Media, Outbound, TemplateContent, Value
from simulator.templates import default
from templates_app.content.components import problems, shape
from templates_app.content.fill import fill, place, samples
from tests.templates_app.test_components import BODY, CARD_FILLED, CAROUSEL, FILLED, FULL, NOW


def test_a_message_with_everything() -> None:
    values = {
        "header": "https://cdn.example.test/h.png",
        "body.1": "Mira",
        "body.2": "8",
        "offer": str(NOW + 1),
        "button.0": "YES",
        "button.1": "a/7",
        "button.2": "SAVE20",
    }
    content = fill("sale", "en", FULL, values)
    assert (content.header, content.body) == (FILLED.header, FILLED.body)
    assert content.body_text == "Hello Mira, 8 waits. Mira!"
    assert content.offer is not None
    assert (content.offer.text, content.offer.expires_ms) == ("Ends soon", NOW + 1)
    assert [(button.kind, button.value) for button in content.buttons] == [
        ("quick_reply", "YES"),
        ("dynamic_url", "a/7"),
        ("copy_code", "SAVE20"),
    ]


def test_cards_and_named_variables() -> None:
    """CleverTap sends no names."""
    values = {
        "card.0.header": "https://cdn.example.test/c.png",
        "card.0.body.1": "5 €",
        "card.0.button.0": "x",
    }
    card = fill("sale", "en", [BODY, CAROUSEL], values).cards[0]
    assert (card.header, card.body, card.buttons[0].value) == (CARD_FILLED.header, CARD_FILLED.body, "x")
    named = [{"type": "BODY", "text": "Hi {{first_name}}!"}]
    assert fill("n", "en", named, {"body.first_name": "Mira"}).body == (Value("Mira"),)


def test_places() -> None:
    assert place("41.38, 2.17") == Location(41.38, 2.17)
    assert place("41.38,2.17,Shop 4,Carrer Major, 4") == Location(41.38, 2.17, "Shop 4", "Carrer Major, 4")
    assert [place(each) for each in ("", "here", "91, 0", "0, 181", "1")] == [None] * 5


def test_headers() -> None:
    text = [{"type": "HEADER", "format": "TEXT", "text": "Hi {{1}}"}]
    assert fill("n", "en", text, {"header.1": "Mira"}).header == Header(
        "text", text="Hi Mira", values=(Value("Mira"),)
    )
    video = [{"type": "HEADER", "format": "VIDEO", "example": {"header_handle": ["4::aW1h"]}}]
    sample = fill("n", "en", video, samples(video, NOW)).header
    assert sample == Header("video", media=Media("https://www.example.com/sample.mp4"))


def test_samples_pass_every_template_of_the_catalogue() -> None:
    """As CleverTap writes them, read by our own gate."""
    assert len(default()) > 10
    for template in default():
        parts = template["components"]
        content = fill(template["name"], template["language"], parts, samples(parts, NOW))
        payload = clevertap_payload(Outbound("r", "0|0|0|0", "919999999999", "15550001111", content))
        read = read_send(payload).content
        assert isinstance(read, TemplateContent)
        assert list(problems(read, shape(parts), NOW)) == [], template["name"]


def test_samples_count_as_clevertap_does() -> None:
    values = samples([BODY, CAROUSEL], NOW)
    assert (values["body.1"], values["body.2"], values["card.1.body.1"]) == ("0", "1", "0")
    assert samples(FULL, NOW)["button.2"] == "SAVE20"
