"""Every part a message may have, through every connector and real sockets.

The simulated BSP reads each request as strictly as the real one, its template list included.
What the connector lacks is refused at intake, by name.
"""

import pytest
import requests

from providers.connectors import CONNECTORS
from providers.features import Feature
from simulator.server import Simulator
from templates_app.models import Template
from tests.bsps import customer
from tests.gateway import freeform, logged_in, template
from tests.journeys.conftest import settled
from tests.parts import MESSAGES
from tests.waiting import PATIENCE


@pytest.mark.parametrize("connector", CONNECTORS)
def test_every_part_is_sent_or_refused(connector: str, gateway: str, simulator: Simulator) -> None:
    simulator.behaviour.check_templates = True
    simulator.behaviour.delays = (0.0, 0.0, 0.0)
    provider = customer(simulator, connector, gateway)
    url, headers = f"{gateway}/v1/{provider.public_id}/messages", logged_in(provider)
    wanted = {}
    for number, (feature, changes) in enumerate(MESSAGES.items()):
        make = template if "template" in changes else freeform
        message = make(to=f"9198123{number:05d}", **changes)
        answer = requests.post(url, json=message, headers=headers, timeout=PATIENCE).json()
        # A BSP that only numbers values gets them in order, where the registered text names them.
        numbered = feature is Feature.NAMED and any(
            "{{first_name}}" in str(row.components) for row in Template.objects.filter(provider=provider)
        )
        if feature in CONNECTORS[connector].lacks and not numbered:
            assert answer["status"] == "failure", feature
            assert answer["error"]["code"] == 2001
            assert answer["error"]["message"]
        else:
            assert answer == {"status": "success"}, feature
            wanted[message["to"]] = feature
    simulator.wait_until(lambda: settled(simulator) and len(simulator.requests) >= len(wanted))
    results = {wanted[record.to]: record.detail or record.answer for record in simulator.requests}
    assert results == dict.fromkeys(wanted.values(), "accepted")
