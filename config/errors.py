"""Errors to Sentry, where SENTRY_DSN is set; else nothing of it is loaded."""

from typing import Any

from lib.logs import masked


def report_to(dsn: str) -> None:
    """Has errors reported, without bodies, local variables or whatever else could hold secrets."""
    import sentry_sdk

    sentry_sdk.init(
        dsn=dsn,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        before_send=scrubbed,
    )


def scrubbed(event: Any, hint: Any = None) -> Any:
    """The event with the tokens of URLs and phone numbers masked, in whatever text it has."""
    if isinstance(event, dict):
        return {name: scrubbed(value) for name, value in event.items() if name != "headers"}
    if isinstance(event, list | tuple):
        return [scrubbed(value) for value in event]
    return masked(event) if isinstance(event, str) else event
