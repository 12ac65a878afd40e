"""What inbound messages hold besides text and media: in words for people, and as data.

Meta's keys are in snake case. BSPs that write their own JSON name the same things in camel case.
"""

from collections.abc import Iterator
from typing import Any

from lib.reading import at, decode, first, objects, text
from providers.messages import Pricing, Referral

_OF_THE_FLOW = "flow_token"  # not an answer of the person
_SENT = ("", "sent")  # what WhatsApp itself says in a flow's answer


def contact_words(contacts: list[dict[str, Any]]) -> str:
    """Each shared contact with its first number: `Jo Doe +44 7700 900000`."""
    return ", ".join(filter(None, map(_contact, contacts))) or "(contacts)"


def _contact(contact: dict[str, Any]) -> str:
    name = contact.get("name")
    names = ("formatted_name", "formattedName", "first_name", "firstName")
    known = first(*(text(name, key) for key in names), text(name))
    phone = at(contact, "phones", 0)
    return " ".join(filter(None, (known, first(text(phone, "phone"), text(phone, "wa_id")))))


def order_words(order: object) -> str:
    """What is ordered, behind what was written with it: `please 2 × r1`."""
    products = [
        f"{text(item, 'quantity')} × {text(item, 'product_retailer_id') or text(item, 'productRetailerId')}"
        for item in objects(order, "product_items") or objects(order, "productItems")
    ]
    return " ".join(filter(None, (text(order, "text"), ", ".join(products)))) or "(order)"


def flow_answers(answers: object) -> dict[str, Any]:
    """The answers of a flow or form, which come as an object or as JSON in a string."""
    if isinstance(answers, str):
        try:
            answers = decode(answers.encode("utf-8", "replace"))
        except ValueError:
            return {}
    return answers if isinstance(answers, dict) else {}


def flow_words(answers: dict[str, Any], said: str) -> str:
    """The answers as `name: Jo, city: Rome`; what was said with them when it says more than "Sent"."""
    stated = ", ".join(_answers({name: value for name, value in answers.items() if name != _OF_THE_FLOW}))
    return (stated or said or "(form)") if said.lower() in _SENT else ": ".join(filter(None, (said, stated)))


def _answers(value: object, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _answers(inner, key)
    elif isinstance(value, list):
        yield from _answers(" + ".join(filter(None, map(_plain, value))), name)
    elif stated := _plain(value):
        yield f"{name}: {stated}"


def _plain(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else text(value)


def referral(stated: object) -> Referral | None:
    """The ad or post in a message's `referral`; None without any."""

    def word(*names: str) -> str:
        return first(*(text(stated, name) for name in names))

    found = Referral(
        source_type=word("source_type", "sourceType", "type"),
        source_id=word("source_id", "sourceId", "id"),
        source_url=word("source_url", "sourceUrl", "url"),
        headline=word("headline", "title"),
        body=word("body", "description"),
        media_url=first(
            word("image_url", "video_url", "thumbnail_url", "imageUrl", "videoUrl", "thumbnailUrl"),
            text(stated, "media", "url"),
        ),
        click_id=word("ctwa_clid", "ctwaClid", "ctwaClickId"),
    )
    return None if found == Referral() else found


def pricing(stated: object) -> Pricing | None:
    """How a status says that its message is charged; None when it does not say.

    Meta writes one category with a hyphen here and with an underscore elsewhere.
    """
    billable = at(stated, "billable")
    found = Pricing(
        type=first(text(stated, "type"), text(stated, "pricing_type")).lower()[:40],
        category=text(stated, "category").lower().replace("-", "_")[:40],
        billable=billable if isinstance(billable, bool) else None,
    )
    return found if found.type or found.category else None
