"""A message as its recipient saw it, from its content alone or with its template."""

from providers.messages import Button, Card, Freeform, Header, Media, TemplateContent, Value
from templates_app.content.said import bubble_of, values_of


def plain(text: str) -> str:
    return text


def test_with_its_template_the_values_are_filled_in() -> None:
    components = [
        {"type": "BODY", "text": "Hello {{1}}, *{{2}}* is ready."},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Track", "url": "https://s.example/{{1}}"}]},
    ]
    content = TemplateContent(
        "ready", "en", body=(Value("Mira"), Value("tea")), buttons=(Button(0, "dynamic_url", value="42"),)
    )
    seen = bubble_of(content, components, plain)
    assert ">Mira</span>" in seen.body
    assert "<strong>" in seen.body
    assert [(each.text, each.leads) for each in seen.buttons] == [("Track", "https://s.example/42")]


def test_without_it_the_message_itself_tells() -> None:
    content = TemplateContent("gone", "en", body=(Value("Mira"),), body_text="Hello Mira.", footer="Bye")
    seen = bubble_of(content, None, plain)
    assert ">Mira</span>" in seen.body
    assert seen.footer == "Bye"


def test_numbers_are_veiled() -> None:
    content = TemplateContent("call", "en", body=(Value("919812345601"),), body_text="Call 919812345601")
    seen = bubble_of(content, [{"type": "BODY", "text": "Call {{1}}"}], lambda text: "•" * len(text))
    assert "9198" not in seen.body


def test_each_value_has_its_slot() -> None:
    card = Card(header=Header("image", media=Media("https://s.example/a.png")), body=(Value("tea", "what"),))
    content = TemplateContent("c", "en", header=Header("text", values=(Value("June"),)), cards=(card,))
    assert dict(values_of(content)) == {
        "header.1": "June", "header": "", "card.0.body.what": "tea", "card.0.header": "https://s.example/a.png",
    }  # fmt: skip


def test_a_freeform_message_shows_its_words_and_its_file() -> None:
    media = Media("https://s.example/a.pdf", caption="Your *bill*")
    seen = bubble_of(Freeform("document", media=media), None, plain)
    assert (seen.kind, seen.source) == ("document", "https://s.example/a.pdf")
    assert "<strong>bill</strong>" in seen.body
