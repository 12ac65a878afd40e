"""Marketing templates through Meta's Marketing Messages API, at the simulated Meta and 360dialog."""

import json
from collections import Counter
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from msgspec.structs import replace

from campaigns.models import Attempt, Message, Status
from campaigns.sending import dispatch, resuming
from providers import leases, lifecycle, validation
from providers.models import Provider
from providers.outcomes import ACCOUNT_LIMIT
from simulator.dialects import meta
from simulator.dialects.base import Call, Failure, Refusal
from simulator.server import Simulator
from templates_app.models import ImportRun, Template, TemplateChange
from tests.bsps import bsp, customer
from tests.factories import MessageFactory

BODY = [{"type": "BODY", "text": "Hello {{1}}"}]
CONTENT = {"type": "template", "name": "sale", "language": "en", "body": [{"text": "Ana"}]}


def at(simulator: Simulator, mode: str = "", connector: str = "meta", **options: str) -> Provider:
    """A provider in that mode."""
    base = bsp(connector, simulator.url).provider.get("options", {})
    chosen = {"marketing_api": mode} if mode else {}
    return customer(simulator, connector, options={**base, **chosen, **options})


def template(provider: Provider, simulator: Simulator, ours: str, metas: str = "") -> Template:
    """The template as we know it, and the category that it has at Meta by now."""
    listed = {"id": "1", "name": "sale", "language": "en", "status": "APPROVED", "components": BODY}
    simulator.set_templates(provider.connector_slug, [listed | {"category": metas or ours}])
    return Template.objects.create(
        provider=provider, name="sale", language="en", category=ours, components=BODY, imported=BODY
    )


def sent(provider: Provider) -> tuple[Message, list[str]]:
    """The message after it was sent, and the last part of each URL that it was sent to."""
    row = MessageFactory(provider=provider, template="sale", content=json.dumps(CONTENT))
    dispatch.drain(provider.pk)
    row.refresh_from_db()
    requests = Attempt.objects.order_by("number").values_list("request", flat=True)
    return row, [json.loads(request)["url"].rpartition("/")[2] for request in requests]


def only_there(simulator: Simulator, connector: str = "meta") -> None:
    """The account has marketing templates sent by the Marketing Messages API alone."""
    known = next(one for one in simulator.accounts if one.name == connector)
    simulator.add_account(replace(known, marketing_elsewhere=True))


@pytest.mark.parametrize("connector", ["meta", "360dialog"])
@pytest.mark.parametrize(
    ("mode", "category", "edge"),
    [
        ("", "MARKETING", "messages"),
        ("off", "MARKETING", "messages"),
        ("marketing", "MARKETING", "marketing_messages"),
        ("marketing", "UTILITY", "messages"),
        ("latest category", "MARKETING", "marketing_messages"),
        ("latest category", "UTILITY", "messages"),
    ],
)
def test_the_mode_and_the_category_choose_the_way(
    db: None, simulator: Simulator, connector: str, mode: str, category: str, edge: str
) -> None:
    provider = at(simulator, mode, connector)
    template(provider, simulator, category)
    row, edges = sent(provider)
    assert (row.status, edges) == (Status.ACCEPTED, [edge])


def test_the_policy_goes_along(db: None, simulator: Simulator) -> None:
    provider = at(simulator, "marketing", marketing_policy="STRICT")
    template(provider, simulator, "MARKETING")
    sent(provider)
    assert simulator.requests[0].body["product_policy"] == "STRICT"


@pytest.mark.parametrize(
    ("ours", "metas", "edges"),
    [
        ("UTILITY", "MARKETING", ["messages", "marketing_messages"]),  # 131063
        ("MARKETING", "UTILITY", ["marketing_messages", "messages"]),  # 131055
    ],
)
def test_a_refusal_for_its_category_sends_it_by_the_other_way(
    db: None, simulator: Simulator, ours: str, metas: str, edges: list[str]
) -> None:
    provider = at(simulator, "latest category")
    row = template(provider, simulator, ours, metas)
    only_there(simulator)
    message, ways = sent(provider)
    assert (message.status, ways) == (Status.ACCEPTED, edges)
    row.refresh_from_db()
    assert (row.category, row.previous_category) == (metas, ours)
    assert TemplateChange.objects.get().source == TemplateChange.Source.ANSWER
    assert ImportRun.objects.get().name == "sale", "the list is asked for the latest category"
    provider.refresh_from_db()
    assert (provider.state, provider.account_refusals) == ("active", 0)


def test_a_worker_that_waits_to_be_woken_takes_the_other_way_at_once(
    db: None, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = at(simulator, "latest category")
    template(provider, simulator, "UTILITY", "MARKETING")
    only_there(simulator)
    row = MessageFactory(provider=provider, template="sale", content=json.dumps(CONTENT))
    take, looks = leases.take, Counter[str]()
    monkeypatch.setattr(leases, "take", lambda *args: looks.update(["take"]) or take(*args))
    assert dispatch.drain(provider.pk, linger=0.2, woken=leases.Wake()) == 2
    row.refresh_from_db()
    assert (row.status, looks["take"]) == (Status.ACCEPTED, 1), "without another look at the queue"


def test_what_both_ways_refuse_fails(db: None, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(by_marketing: bool, use: Any, call: Call) -> None:
        raise Refusal(Failure.TEMPLATE, "no", 131055 if by_marketing else 131063)

    monkeypatch.setattr(meta, "_check_edge", refuse)
    provider = at(simulator, "latest category")
    template(provider, simulator, "UTILITY")
    message, ways = sent(provider)
    assert (message.status, ways) == (Status.FAILED, ["messages", "marketing_messages"])


@pytest.mark.parametrize("connector", ["meta", "360dialog"])
def test_where_marketing_is_off_it_alone_waits(db: None, simulator: Simulator, connector: str) -> None:
    provider = at(simulator, connector=connector)
    template(provider, simulator, "MARKETING")
    only_there(simulator, connector)
    rows = [
        MessageFactory(provider=provider, template="sale", content=json.dumps(CONTENT))
        for _ in range(ACCOUNT_LIMIT + 1)
    ]
    dispatch.drain(provider.pk)
    text = MessageFactory(provider=provider, content='{"type":"freeform","kind":"text","text":"Your code"}')
    late = MessageFactory(provider=provider, template="sale", content=json.dumps(CONTENT))
    dispatch.drain(provider.pk)
    provider.refresh_from_db()
    assert (provider.state, provider.account_refusals) == ("active", 0)
    assert provider.marketing_held_until is not None
    for row in (*rows, late, text):
        row.refresh_from_db()
    assert {row.status for row in rows} == {Status.QUEUED}
    assert (text.status, late.status) == (Status.ACCEPTED, Status.QUEUED)
    assert "accepts no marketing templates" in late.error_text
    assert not late.attempts.exists(), "it is not even tried"


def test_what_waited_goes_out_when_the_account_has_another_way(db: None, simulator: Simulator) -> None:
    provider = at(simulator)
    template(provider, simulator, "MARKETING")
    only_there(simulator)
    row, _ = sent(provider)
    assert row.status == Status.QUEUED
    Provider.objects.update(options=provider.options | {"marketing_api": "marketing"})
    lifecycle.resume(provider)
    resuming.hurry(provider.pk)
    dispatch.drain(provider.pk)
    row.refresh_from_db()
    assert row.status == Status.ACCEPTED


def test_in_the_mode_marketing_a_refusal_is_final(db: None, simulator: Simulator) -> None:
    provider = at(simulator, "marketing")
    row = template(provider, simulator, "MARKETING", "UTILITY")
    message, ways = sent(provider)
    assert (message.status, ways) == (Status.FAILED, ["marketing_messages"])
    row.refresh_from_db()
    assert row.category == "MARKETING"


def test_a_mode_that_there_is_not_is_refused(db: None, simulator: Simulator) -> None:
    with pytest.raises(ValidationError, match="marketing_api: one of off, marketing, latest category"):
        validation.validate(at(simulator, "sometimes"))
