"""Quirks: settings of each provider for what CleverTap's documents leave open, with their defaults.

The first group concerns what CleverTap sends to us, the second what we send to CleverTap.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

# The first quirk of the second group.
RECEIVES_FROM = "payload_version"


class Quirks(Struct, frozen=True, forbid_unknown_fields=True):
    unwrap_body: Annotated[bool, Meta(description="Accept payloads wrapped in a top-level `body`.")] = True
    waba_match: Annotated[
        Literal["lenient", "strict"],
        Meta(
            description="lenient: accept another wabaNumber than the provider's and note it; "
            "strict: refuse it with 2004."
        ),
    ] = "lenient"
    default_country: Annotated[
        str,
        Meta(
            pattern="^[0-9]{0,3}$",
            description="The country code to put before numbers without one; empty: none.",
        ),
    ] = ""
    trust_callback_headers: Annotated[
        bool,
        Meta(
            description="Use the callback URLs that CleverTap's requests carry as headers. "
            "The Kaleyra connectors always do so."
        ),
    ] = False
    bad_credentials_answer: Annotated[
        Literal["200", "401"],
        Meta(description="200: failure with code 2000, as documented; 401: the plain HTTP status."),
    ] = "200"
    dispatch_tests: Annotated[
        Literal["always", "listed", "never"],
        Meta(
            description="Whether messages with the id 0|0|0|0 (test sends, template checks) are "
            "sent to the BSP."
        ),
    ] = "always"
    test_numbers: Annotated[
        str,
        Meta(
            description="Numbers that test sends may go to when `dispatch_tests` is `listed`, "
            "separated by commas."
        ),
    ] = ""

    payload_version: Annotated[
        Literal["string", "number"], Meta(description="How payloadVersion is written in callbacks.")
    ] = "string"
    version: Annotated[
        str,
        Meta(
            pattern=r"^[0-9]{1,3}(\.[0-9]{1,3})?$",
            description="The payload version that CleverTap's provider page shows.",
        ),
    ] = "0.1"
    clicked_spelling: Annotated[
        Literal["clicked", "Clicked"], Meta(description="The status word of a click.")
    ] = "clicked"
    click_ts: Annotated[bool, Meta(description="Add the integer `ts` to clicks.")] = True
    forward_sent: Annotated[bool, Meta(description="Forward `sent` reports.")] = True
    statuses_per_request: Annotated[
        int, Meta(ge=1, le=1000, description="The most delivery reports in one request to CleverTap.")
    ] = 20
    error_code_type: Annotated[
        Literal["integer", "string"], Meta(description="How error.code is written in failed reports.")
    ] = "integer"
    from_plus: Annotated[bool, Meta(description="Write `from` with a leading +.")] = False
    from_user_id: Annotated[
        bool,
        Meta(
            description="Forward messages of people whose number is not known, with WhatsApp's user id in "
            "`from`. Otherwise these messages wait until the number is known."
        ),
    ] = False
    duplicate_document: Annotated[
        bool, Meta(description="Add a `document` object beside `file` in inbound documents.")
    ] = False
    audio_type: Annotated[
        Literal["audio", "voice"], Meta(description="The `type` of an inbound audio message.")
    ] = "audio"
    mime_style: Annotated[
        Literal["mime", "extension"], Meta(description="mimeType as image/jpeg or as .jpeg.")
    ] = "mime"
    quick_reply_type: Annotated[
        Literal["button", "text"], Meta(description="How a tapped quick reply is forwarded.")
    ] = "button"
    unsupported_replies: Annotated[
        Literal["drop", "text"],
        Meta(
            description="Inbound kinds that CleverTap's format lacks: keep them here only, or "
            "forward them as text."
        ),
    ] = "drop"


def load(stored: dict[str, object]) -> Quirks:
    """The quirks, with defaults for those not stored. Raises msgspec.ValidationError."""
    return msgspec.convert(stored, Quirks)


def parse(name: str, value: str) -> object:
    """A quirk's value from text, as typed on a command line. Raises ValueError with the reason."""
    if name not in Quirks.__struct_fields__:
        raise ValueError(f"there is no quirk {name!r}; there are: {', '.join(Quirks.__struct_fields__)}")
    try:
        loaded = msgspec.convert({name: value}, Quirks, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(f"{name}: {error}") from error
    return getattr(loaded, name)
