"""Every kind of incident: its words, how the rows show it, and what to do.

To add one: write its `find` in the module of its theme, and a part of docs/operations.md under its slug.
"""

from operations.kinds import broadcasts, calls, clevertap, failures, sending, system, templates, webhooks
from operations.kinds.base import Found, Kind, Severity, Step

KINDS: dict[str, Kind] = {
    kind.slug: kind
    for module in (sending, failures, clevertap, calls, webhooks, templates, broadcasts, system)
    for kind in module.KINDS
}

__all__ = ["KINDS", "Found", "Kind", "Severity", "Step"]
