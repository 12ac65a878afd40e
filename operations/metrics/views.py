"""/metrics, and /healthz with the open incidents: for programs that know METRICS_TOKEN."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST

from lib import crypto
from operations.incidents.wording import as_json
from operations.metrics import collector
from operations.models import Incident


def admitted(request: HttpRequest) -> bool:
    """Whether the request has the token, as `Authorization: Bearer …`. Without the setting, every request is
    refused."""
    scheme, _, presented = request.headers.get("Authorization", "").partition(" ")
    wanted = settings.METRICS_TOKEN
    return (
        bool(wanted)
        and scheme.lower() == "bearer"
        and crypto.matches(presented.strip(), crypto.digest(wanted))
    )


def metrics(request: HttpRequest) -> HttpResponse:
    if not settings.METRICS_TOKEN:
        return HttpResponse("METRICS_TOKEN is not set\n", status=404, content_type="text/plain")
    if not admitted(request):
        headers = {"WWW-Authenticate": "Bearer"}
        return HttpResponse("The token is wrong\n", status=401, content_type="text/plain", headers=headers)
    return HttpResponse(collector.text(), content_type=CONTENT_TYPE_LATEST)


def open_incidents() -> list[dict[str, Any]]:
    """The worst first."""
    found = Incident.objects.filter(ended_at=None).order_by("-severity", "began_at")
    return [as_json(incident) for incident in found.select_related("acknowledged_by", "provider")]
