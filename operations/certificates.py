"""When the certificate at PUBLIC_BASE_URL ends: asked once a day, and kept as a row."""

import logging
import socket
import ssl
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings

from operations.models import Expiry

logger = logging.getLogger(__name__)

EVERY = timedelta(days=1)
TIMEOUT = 10.0  # seconds


def look(now: datetime) -> None:
    """Notes when it ends. One that cannot be reached, or is not trusted, leaves the row as it was."""
    url = urlsplit(settings.PUBLIC_BASE_URL)
    if url.scheme != "https" or not url.hostname:
        return
    if Expiry.objects.filter(name=url.hostname, looked_at__gt=now - EVERY).exists():
        return
    values = {"looked_at": now}
    try:
        values["ends_at"] = ends_at(url.hostname, url.port or 443)
    except (OSError, ValueError) as error:  # ssl's errors are OSErrors
        logger.warning("The certificate of %s cannot be read: %s", url.hostname, error)
    Expiry.objects.update_or_create(name=url.hostname, defaults=values)


def ends_at(host: str, port: int, context: ssl.SSLContext | None = None) -> datetime:
    """When the certificate there ends. Raises OSError where none that is trusted is presented."""
    with (
        socket.create_connection((host, port), TIMEOUT) as plain,
        (context or ssl.create_default_context()).wrap_socket(plain, server_hostname=host) as secured,
    ):
        certificate = secured.getpeercert() or {}
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
