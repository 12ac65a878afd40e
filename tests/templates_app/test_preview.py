"""The WhatsApp bubble: what it shows, and that nothing in a template becomes markup."""

from django.template.loader import render_to_string

from simulator.templates import default
from templates_app.content.preview import bubble, formatted
from tests.templates_app.test_components import BODY, CAROUSEL, FULL, IMAGE

HOSTILE = '<script>alert("1")</script>'


def test_whatsapp_formatting() -> None:
    assert formatted("*b* _i_ ~s~ ```*m*``` `_c_`") == (
        "<strong>b</strong> <em>i</em> <s>s</s> <code>*m*</code> <code>_c_</code>"
    )
    assert formatted("2*3*4 a_b_c * x * __") == "2*3*4 a_b_c * x * __"
    assert formatted("*_both_*") == "<strong><em>both</em></strong>"
    assert formatted("\ue0007\ue001") == ""


def test_values_examples_or_the_placeholder_itself() -> None:
    shown = bubble([BODY])
    assert '<span class="wp-variable" title="{{1}}">Mira</span>' in shown.body
    assert ">Asha<" in bubble([BODY], {"body.1": "Asha"}).body
    assert ">{{1}}<" in bubble([{"type": "BODY", "text": "Hi {{1}}!"}]).body
    assert "<strong><span" in bubble([{"type": "BODY", "text": "Hi *{{1}}*!"}]).body


def test_nothing_becomes_markup() -> None:
    parts = [
        {"type": "HEADER", "format": "TEXT", "text": HOSTILE + "{{1}}"},
        {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": HOSTILE}},
        {"type": "BODY", "text": HOSTILE + "*{{1}}*"},
        {"type": "FOOTER", "text": HOSTILE},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "text": HOSTILE, "url": f'"{HOSTILE}'}]},
        {"type": "CAROUSEL", "cards": [{"components": [IMAGE, {"type": "BODY", "text": HOSTILE}]}]},
    ]
    values = {"header.1": HOSTILE, "body.1": HOSTILE, "card.0.header": f'"{HOSTILE}'}
    html = render_to_string("templates_app/bubble.html", {"bubble": bubble(parts, values)})
    assert "<script" not in html
    assert '""' not in html.replace('title=""', "")


def test_the_parts_of_an_offer() -> None:
    shown = bubble(FULL, {"button.1": "a/9"})
    assert (shown.kind, shown.source, shown.offer, shown.code) == (
        "image",
        "https://cdn.example.test/h.png",
        "Ends soon",
        "SAVE20",
    )
    assert [(each.text, each.leads) for each in shown.buttons] == [
        ("Yes", ""),
        ("Open", "https://shop.example.test/a/9"),
        ("Copy offer code", "SAVE20"),
    ]


def test_more_than_three_buttons_are_folded() -> None:
    buttons = [{"type": "QUICK_REPLY", "text": each} for each in "abcd"]
    shown = bubble([BODY, {"type": "BUTTONS", "buttons": buttons}])
    assert (len(shown.buttons), shown.more) == (2, 2)


def test_cards_have_their_own_values() -> None:
    shown = bubble([BODY, CAROUSEL], {"card.0.body.1": "two", "card.1.body.1": "three"})
    assert [">two<" in shown.cards[0].body, ">three<" in shown.cards[1].body] == [True, True]


def test_every_template_can_be_shown() -> None:
    assert len(default()) > 10
    for template in default():
        html = render_to_string("templates_app/bubble.html", {"bubble": bubble(template["components"])})
        assert "wp-bubble" in html
    assert bubble([]).body == ""
