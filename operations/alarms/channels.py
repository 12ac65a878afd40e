"""How an alarm gets to a channel.

Most go through apprise. PagerDuty does not: only its own call resolves an alert by a deduplication key
(https://developer.pagerduty.com/docs/events-api-v2/overview/). Nor do endpoints of one's own, which get a
signature.
"""

import hashlib
import hmac
import logging
import re
import threading
from collections.abc import Callable
from typing import Any

import msgspec
from django.core.exceptions import ValidationError

from lib.http import HttpRequest
from lib.transport import TransportError, transport
from operations.alarms.words import About, Alarm
from operations.models import Channel
from providers.encrypted_fields import Sealed
from providers.validation import check_target

TIMEOUT = 20.0
PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"
_SEVERITIES = {"notice": "info", "warning": "warning", "critical": "critical"}


class Undelivered(Exception):
    """The channel did not accept the alarm. The text says why, without secrets."""


def send(channel: Channel, alarm: Alarm) -> None:
    """Sends the alarm, and returns once the channel has accepted it. Raises Undelivered."""
    if isinstance(channel.address, Sealed) or isinstance(channel.secret, Sealed):
        raise Undelivered("The channel’s address or secret cannot be decrypted. Enter both again.")
    _SENDERS[Channel.How(channel.how)](channel, alarm)


def check(how: str, address: str) -> None:
    """Raises ValueError for an address that cannot be one."""
    if how == Channel.How.APPRISE:
        _plugin(address)
    elif how == Channel.How.WEBHOOK:
        if not address.startswith(("https://", "http://")):
            raise ValueError("It must be an http(s) URL.")
        _check_target(address)


def _plugin(address: str) -> Any:
    import apprise  # the import takes a fifth of a second: only processes that send need it

    # Also for the https:// address that a service gives out.
    parts = apprise.plugins.url_to_dict(address)  # type: ignore[no-untyped-call]
    if parts is None:
        raise ValueError(
            "apprise does not know such a URL. https://github.com/caronc/apprise/wiki lists the "
            "URLs that it knows."
        )
    if parts["schema"] not in _SCHEMAS:
        raise ValueError(
            f"{parts['schema']}:// is not supported for alarms. Use one of {', '.join(sorted(_SCHEMAS))}, "
            "or an endpoint of your own."
        )
    if fetched := sorted({name.strip().lower() for name in parts["qsd"]} & _FETCHED):
        raise ValueError(
            f"Remove {', '.join(fetched)} from the URL: with it, apprise would fetch a URL or read a file, "
            "and no alarm needs that."
        )
    if parts["schema"] in _HOSTS:
        _check_target(f"https://{parts['host']}")
    plugin = apprise.Apprise.instantiate(address)
    if plugin is None:
        raise ValueError(
            "Something is missing in the URL. https://github.com/caronc/apprise/wiki has its form."
        )
    plugin.redirects = False  # calls exactly the address that was checked
    return plugin


def _check_target(url: str) -> None:
    try:
        check_target(url)
    except ValidationError as error:
        raise ValueError(" ".join(error.messages)) from error


def _by_apprise(channel: Channel, alarm: Alarm) -> None:
    try:
        plugin = _plugin(channel.address)
    except ValueError as error:
        raise Undelivered(str(error)) from error
    kind = "success" if alarm.about == About.ENDED else _TYPES[alarm.severity]
    answer, log = _Answer(), logging.getLogger("apprise")
    log.addHandler(answer)
    try:
        taken = plugin.notify(title=alarm.heading, body=alarm.body, notify_type=kind)
    finally:
        log.removeHandler(answer)
    if not taken:
        why = (
            f"answered HTTP {answer.status}"
            if answer.status
            else "could not be reached, or did not accept it"
        )
        raise Undelivered(f"{plugin.service_name} {why}.")


class _Answer(logging.Handler):
    """The status in what apprise logs for this thread. The log does not get its lines: some have the
    channel's address, with its secrets."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.status = ""
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread and (found := _STATUS.search(record.getMessage())):
            self.status = found[1]


def _by_pagerduty(channel: Channel, alarm: Alarm) -> None:
    event = {
        "routing_key": channel.address,
        "event_action": "resolve" if alarm.about == About.ENDED else "trigger",
        "dedup_key": alarm.key,
        "payload": {
            "summary": alarm.heading[:1024],
            "source": alarm.subject,
            "severity": _SEVERITIES[alarm.severity],
            "custom_details": msgspec.to_builtins(alarm),
        },
        "links": [{"href": alarm.url, "text": "Open in Waypost"}],
    }
    _post(PAGERDUTY, msgspec.json.encode(event), {})


def _by_webhook(channel: Channel, alarm: Alarm) -> None:
    body = msgspec.json.encode(alarm)
    digest = hmac.new(channel.secret.encode(), body, hashlib.sha256).hexdigest() if channel.secret else ""
    _post(channel.address, body, {"X-Waypost-Signature": f"sha256={digest}"} if digest else {})


def _post(url: str, body: bytes, headers: dict[str, str]) -> None:
    request = HttpRequest("POST", url, {"Content-Type": "application/json"} | headers, body)
    try:
        answer = transport.send(request, TIMEOUT)
    except TransportError as error:
        raise Undelivered(str(error)) from error
    if not 200 <= answer.status < 300:
        raise Undelivered(f"HTTP {answer.status}: {' '.join(answer.text.split())[:200]}")


_STATUS = re.compile(r"\berror=(\d{3})\b")
# Of these the URL names the host that is called. A mail server's is not checked: it may be our own.
_HOSTS = {"json", "jsons", "workflow", "workflows"}
_SCHEMAS = _HOSTS | {"mailto", "mailtos", "opsgenie", "pagerduty", "slack", "tgram"}
# Parameters that make it read a file or fetch a URL: templates of Slack, Telegram and Teams, and the keys of
# mail.
_FETCHED = {"template", "pgp", "pgppub", "pgpprv", "wkd"}
_TYPES = {"notice": "info", "warning": "warning", "critical": "failure"}
_SENDERS: dict[Channel.How, Callable[[Channel, Alarm], None]] = {
    Channel.How.APPRISE: _by_apprise,
    Channel.How.PAGERDUTY: _by_pagerduty,
    Channel.How.WEBHOOK: _by_webhook,
}
