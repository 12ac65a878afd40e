"""A BSP's template list, page by page."""

from typing import Any

from msgspec import Struct


class ListedTemplate(Struct, frozen=True, omit_defaults=True):
    """One template of a BSP's list. `components`, `status`, `category` and `parameter_format`
    are Meta's words.

    `components` is None where the list says `null` for them. `reason` says why the
    template was rejected. `details` is what the connector itself needs to send it. `extra` holds the
    keys of the listing that have no field here.
    """

    name: str
    language: str
    category: str = ""
    status: str = ""
    components: tuple[dict[str, Any], ...] | None = ()
    bsp_id: str = ""
    parameter_format: str = "POSITIONAL"
    quality: str = ""
    reason: str = ""
    ttl_seconds: int = 0
    details: dict[str, Any] = {}
    previous_category: str = ""
    extra: dict[str, Any] = {}


class TemplatePage(Struct, frozen=True, omit_defaults=True):
    """One page of a template list. `next` is the cursor of the page after it, empty on the last page.

    `unreadable` has an entry for each item that could not be read: `name: reason`, or the reason alone.
    """

    templates: tuple[ListedTemplate, ...] = ()
    next: str = ""
    unreadable: tuple[str, ...] = ()
