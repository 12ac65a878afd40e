"""A tracked button's whole way: sent through Meta's API, tapped on a phone, told to CleverTap."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from callbacks import audit
from campaigns.models import Click, Link, StatCount
from providers.models import Provider
from simulator.server import Simulator
from templates_app.imports import runs
from templates_app.models import ImportRun, Template
from tests.bsps import customer
from tests.gateway import logged_in
from tests.journeys.conftest import settled
from tests.links.conftest import BODY, buttons, payload, press, url_button
from tests.waiting import PATIENCE

PHONE = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Mobile/15E148 Safari/604.1"}


def tracked(bsp: Simulator, gateway: str) -> Provider:
    """A customer of Meta's whose template list has a button on the gateway's own address."""
    provider = customer(bsp, "meta", gateway)
    components = [
        BODY | {"example": {"body_text": [["Mira"]]}},
        buttons(url_button(f"{gateway}/l/{{{{1}}}}")),
    ]
    listed = {"name": "order_ready", "language": "en", "status": "APPROVED", "category": "MARKETING"}
    bsp.set_templates("meta", [listed | {"id": "7000000000001", "components": components}])
    run = runs.import_now(provider, allow_vanishing=True)
    assert run.state == ImportRun.State.DONE, run.error
    assert Template.objects.get(provider=provider, name="order_ready").tracked == ["button.0"]
    return provider


def post(gateway: str, provider: Provider, message: dict[str, Any]) -> None:
    url = f"{gateway}/v1/{provider.public_id}/messages"
    answer = requests.post(url, json=message, headers=logged_in(provider), timeout=PATIENCE)
    assert answer.json() == {"status": "success"}


def short_url(bsp: Simulator, gateway: str, to: str) -> str:
    """What WhatsApp opens: the registered URL with the suffix that was sent."""
    (request,) = [one for one in bsp.requests if one.to == to]
    (button,) = [one for one in request.body["template"]["components"] if one["type"] == "button"]
    return f"{gateway}/l/{button['parameters'][0]['text']}"


def clicks_told(bsp: Simulator) -> list[dict[str, Any]]:
    payloads = [record.payload for record in bsp.sink if record.kind == "delivery"]
    return [one for payload in payloads for one in payload["statuses"] if one["status"] == "clicked"]


def test_a_tap_goes_to_the_shop_and_to_clevertap(gateway: str, simulator: Simulator) -> None:
    bsp, provider = simulator, tracked(simulator, gateway)
    people = [f"91981230{n:04d}" for n in range(12)]
    messages = {to: payload(press(f"https://shop.example.test/{to}"), to=to) for to in people}
    for message in messages.values():
        post(gateway, provider, message)
    bsp.wait_until(lambda: len(bsp.requests) == len(people) and settled(bsp))

    def tap(to: str) -> requests.Response:
        url = short_url(bsp, gateway, to)
        preview = requests.get(
            url, headers={"User-Agent": "WhatsApp/2.25.1"}, allow_redirects=False, timeout=PATIENCE
        )
        assert preview.status_code == 302
        return requests.get(url, headers=PHONE, allow_redirects=False, timeout=PATIENCE)

    with ThreadPoolExecutor(6) as pool:
        answers = dict(zip(people, pool.map(tap, people), strict=True))
    for to, answer in answers.items():
        assert answer.status_code == 302
        assert answer.headers["Location"] == f"https://shop.example.test/{to}"
    bsp.wait_until(lambda: len(clicks_told(bsp)) == len(people) and settled(bsp))
    told = {one["msgId"]: one for one in clicks_told(bsp)}
    for to, message in messages.items():
        one = told[message["msgId"]]
        assert (one["url"], one["shortUrl"]) == (answers[to].headers["Location"], answers[to].url)
        assert one["userAgent"] == PHONE["User-Agent"]
    assert sorted(Click.objects.values_list("preview", flat=True)) == [False] * 12 + [True] * 12
    assert set(Link.objects.values_list("clicks", flat=True)) == {1}
    assert (
        sum(StatCount.objects.filter(metric=StatCount.Metric.CLICKED_UNIQUE).values_list("count", flat=True))
        == 12
    )
    assert [finding for finding in audit.run() if finding.problems] == []
    assert requests.get(f"{gateway}/l/nothing", timeout=PATIENCE).status_code == 404
