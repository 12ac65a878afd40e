"""Messages in the JSON of Vonage's Messages API, which are Meta's but for their envelope.

Source: Vonage, "Messages API". Templates and locations go as `custom` messages: Meta's own object.
"""

from typing import Any

from providers.dialects.cloud_api.messages import content_body
from providers.messages import Content


def message(content: Content) -> dict[str, Any]:
    """`{message_type, <message_type>: …}`, made from Meta's object."""
    body = content_body(content)
    kind, shown = body["type"], body[body["type"]]
    if kind in ("template", "location"):
        return {"message_type": "custom", "custom": body}
    if kind == "text":
        return {"message_type": "text", "text": shown["body"]}
    kind = "file" if kind == "document" else kind
    names = {"link": "url", "filename": "name"}
    return {"message_type": kind, kind: {names.get(key, key): value for key, value in shown.items()}}
