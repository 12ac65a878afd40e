"""The admin's pages of what comes back. Each is in the package that it is about."""

from callbacks.forwarding.admin import ForwardCallAdmin, OutletAdmin
from callbacks.forwarding.reports_admin import EventAdmin
from callbacks.replies.admin import ReplyAdmin
from callbacks.webhooks.admin import WebhookAdmin

__all__ = ["EventAdmin", "ForwardCallAdmin", "OutletAdmin", "ReplyAdmin", "WebhookAdmin"]
