"""Payloads for property tests: messages of every form, and JSON that is nearly a message."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from providers.messages import (
    Button,
    Card,
    Freeform,
    Header,
    Location,
    Media,
    Offer,
    Outbound,
    TemplateContent,
    Value,
)

# Text as CleverTap can send it: no NUL, which no database stores, and no half of a surrogate pair.
characters = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
text = st.text(characters, max_size=12)
said = text.filter(str.strip)
word = st.text("abcXYZ09_-|./", min_size=1, max_size=8)
names = word.map(lambda name: f"{name}.pdf") | st.just("")
urls = word.map(lambda path: f"https://cdn.example.test/{path}")
media = st.builds(Media, urls, filename=names, caption=text)
places = st.builds(
    Location,
    st.floats(-90, 90),
    st.floats(-180, 180),
    name=word | st.just(""),
    address=word | st.just(""),
)
values = st.lists(st.builds(Value, text, name=word | st.just("")), max_size=3).map(tuple)


@st.composite
def headers(draw: DrawFn) -> Header:
    kind = draw(st.sampled_from(["text", "image", "video", "document", "audio", "location"]))
    if kind == "text":
        return Header("text", text=draw(text), values=draw(values))
    if kind == "location":
        return Header("location", location=draw(places))
    return Header(kind, media=draw(media))


@st.composite
def buttons(draw: DrawFn) -> tuple[Button, ...]:
    kinds = st.sampled_from(["dynamic_url", "static_url", "quick_reply", "call", "copy_code"])
    drawn = draw(st.lists(st.tuples(kinds, word | st.just(""), word | st.just("")), max_size=4))
    return tuple(Button(n, kind, text=label, value=value) for n, (kind, label, value) in enumerate(drawn))


bodies = st.fixed_dictionaries(
    {"header": st.none() | headers(), "body": values, "body_text": text, "buttons": buttons()}
)


@st.composite
def templates(draw: DrawFn) -> TemplateContent:
    namespace = draw(st.text("abc_:", min_size=1, max_size=8).filter(lambda name: name.rsplit(":", 1)[-1]))
    return TemplateContent(
        name=namespace.rsplit(":", 1)[-1],
        namespace=namespace,
        language=draw(st.sampled_from(["en", "en_GB", "pt_BR", "fil"])),
        footer=draw(word | st.just("")),
        offer=draw(st.none() | st.builds(Offer, word | st.just(""), st.integers(0, 2**50))),
        cards=tuple(Card(**card) for card in draw(st.lists(bodies, max_size=2))),
        **draw(bodies),
    )


@st.composite
def freeforms(draw: DrawFn) -> Freeform:
    kind = draw(st.sampled_from(["text", "image", "video", "audio", "document", "location"]))
    if kind == "text":
        return Freeform("text", text=draw(said))
    if kind == "location":
        return Freeform("location", location=draw(places))
    return Freeform(kind, media=draw(media))


outbounds = st.builds(
    Outbound,
    reference=st.just("wp-1-1"),
    msg_id=word,
    to=st.from_regex(r"[1-9]{7,15}", fullmatch=True),  # reading drops a zero after a country code
    sender=st.just("15550001111"),
    content=templates() | freeforms(),
    custom_props=st.dictionaries(word, word, max_size=3),
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(2**60, 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(["", " ", "0", "1e9", "\x00", "919999999999", "{{1}}", "www.x", "\U0001f600"])
)
KEYS = [
    *("type", "text", "body", "parameters", "header", "image", "mediaURL", "location", "latitude", "button"),
    *("index", "subType", "cards", "components", "limited_time_offer", "expiration_time_ms", "customProps"),
    *("coupon_code", "payload", "footer"),
]
keys = st.sampled_from(KEYS)
anything: SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(keys | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=8,
)
TYPES = [
    *("header", "body", "footer", "button", "limited_time_offer", "carousel", "text", "image", "location"),
    *("quickReply", "dynamicUrl", "copy_code"),
]
inside = st.lists(st.dictionaries(keys, anything), max_size=2)
part = st.dictionaries(keys, st.sampled_from(TYPES) | anything | inside, max_size=5)


@st.composite
def nearly_sends(draw: DrawFn) -> dict[str, Any]:
    """A send with some of its keys missing, and others holding what they should not."""
    payload = {
        "payloadVersion": 0.1,
        "to": "15550100777",
        "wabaNumber": "15550001111",
        "isTemplate": draw(st.booleans()),
        "msgId": draw(st.sampled_from(["712|1767225600|20260105|712|1", "0|0|0|0", "x"])),
        "type": draw(st.sampled_from(TYPES)),
        "template": {"namespace": "order_ready", "languageCode": "en"},
        "components": draw(st.lists(part, max_size=3)),
    }
    for key in draw(st.sets(st.sampled_from(sorted(payload)), max_size=2)):
        payload[key] = draw(anything)
    for key in draw(st.sets(st.sampled_from(sorted(payload)), max_size=2)):
        del payload[key]
    return payload | draw(st.dictionaries(keys, anything, max_size=3))
