"""A template that was edited at the BSP is imported again, and meanwhile no message is refused because of the
old content."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.utils import timezone

from callbacks.webhooks import ingest
from campaigns.models import Message, Status
from campaigns.sending import dispatch
from providers.connectors import CONNECTORS
from providers.connectors.meta import FIELDS
from providers.models import Provider
from templates_app.gate import cache
from templates_app.imports import renewal, runs
from templates_app.models import ImportRun, Template
from tests.callbacks import meta
from tests.conftest import Woken
from tests.connectors import cases
from tests.endpoints import Endpoint
from tests.factories import MessageFactory, make_provider
from tests.gateway import call_back, post
from tests.gateway import template as clevertaps

OLD = [{"type": "BODY", "text": "Hello {{1}}"}]
NEW = [{"type": "BODY", "text": "Hello {{1}}, order {{2}} is ready at {{3}}"}]
LIST = f"/v25.0/700200300/message_templates?fields={FIELDS}&limit=100"


@pytest.fixture
def account(db: None, endpoint: Endpoint) -> Provider:
    """At Meta, whose answers the test sets."""
    base = endpoint.url.removesuffix("/messages")
    return meta.number(options={"base_url": base, "template_fields": "none"})


@pytest.fixture
def registered(account: Provider) -> Template:
    return Template.objects.create(
        provider=account, name="edited_one", language="en", bsp_id="501", components=OLD, imported=OLD
    )


def lists(endpoint: Endpoint, path: str, *templates: dict[str, Any]) -> None:
    endpoint.pages[path] = (200, {}, json.dumps({"data": templates}).encode())


def item(**changes: Any) -> dict[str, Any]:
    usual = {"id": "501", "name": "edited_one", "language": "en", "status": "APPROVED"}
    return usual | {"category": "UTILITY", "components": NEW} | changes


def told(account: Provider, **values: Any) -> None:
    """Meta's webhook that the template was edited, or another one about it."""
    payload = meta.payload("template_edited")
    if values:
        about = {"message_template_id": 501, "message_template_name": "edited_one"}
        value = about | {"message_template_language": "en"} | values
        payload["entry"][0]["changes"] = [{"field": "message_template_status_update", "value": value}]
    meta.post(account, payload)


def refusal(account: Provider, *values: str) -> str:
    """What CleverTap is told about a message with these values; empty when it is taken."""
    parameters = [{"type": "text", "text": value} for value in values]
    body = {"type": "body", "body": {"text": "", "parameters": parameters}}
    message = clevertaps(
        template={"namespace": "edited_one", "languageCode": "en"},
        components=[body],
        wabaNumber="34911222333",
    )
    answer = post(account, message).body.decode()
    return "" if "success" in answer else answer


def test_an_edit_imports_the_template_and_refuses_nothing_meanwhile(
    account: Provider, registered: Template, endpoint: Endpoint
) -> None:
    assert "2001" in refusal(account, "Ana", "A-1", "noon")
    told(account)
    assert refusal(account, "Ana", "A-1", "noon") == ""
    note = Message.objects.get().notes[0]
    assert "the template changed at the BSP and has not been imported yet" in note
    lists(endpoint, f"{LIST}&name=edited_one", item(), item(name="edited_one_b", id="502"))
    runs.drain()
    run = ImportRun.objects.get()
    assert (run.state, run.name, run.templates, run.error) == ("done", "edited_one", 1, "")
    registered.refresh_from_db()
    assert (registered.components, registered.stale_since) == (NEW, None)
    assert refusal(account, "Ana", "A-1", "noon") == ""
    assert Message.objects.latest("id").notes == []
    assert "2001" in refusal(account, "Ana")


@pytest.mark.parametrize(("event", "imports"), [("APPROVED", 1), ("REINSTATED", 0), ("PAUSED", 0)])
def test_an_approval_may_follow_an_edit(
    account: Provider, registered: Template, event: str, imports: int
) -> None:
    told(account, event=event)
    assert ImportRun.objects.filter(state="queued", name="edited_one").count() == imports


def test_many_edits_are_one_import(account: Provider, registered: Template, woken: Woken) -> None:
    for _ in range(3):
        told(account)
    assert ImportRun.objects.count() == 1
    assert "templates.import" in woken()


def test_a_repeated_webhook_imports_nothing_again(
    account: Provider, registered: Template, endpoint: Endpoint
) -> None:
    told(account)
    lists(endpoint, f"{LIST}&name=edited_one", item())
    runs.drain()
    told(account)
    registered.refresh_from_db()
    assert (ImportRun.objects.count(), registered.stale_since) == (1, None)


def test_an_edit_during_an_import_outlives_it(
    account: Provider, registered: Template, endpoint: Endpoint
) -> None:
    """The list may have been read before the edit."""
    lists(endpoint, f"{LIST}&name=edited_one", item())
    run = runs.start(account, name="edited_one")
    Template.objects.update(stale_since=timezone.now() + timedelta(minutes=1))
    runs.drain()
    run.refresh_from_db()
    registered.refresh_from_db()
    assert run.state == "done"
    assert registered.stale_since is not None


def test_the_whole_list_is_imported_where_the_template_is_not_found_by_name(
    account: Provider, registered: Template, endpoint: Endpoint
) -> None:
    told(account)
    lists(endpoint, f"{LIST}&name=edited_one")
    runs.drain()
    failed = ImportRun.objects.get()
    assert "The BSP's list has no template edited_one." in failed.error
    now = timezone.now()
    assert renewal.renew(now) == 0
    assert renewal.renew(now + renewal.AGAIN) == 1
    lists(endpoint, LIST, item())
    runs.drain()
    registered.refresh_from_db()
    assert (registered.components, registered.stale_since) == (NEW, None)
    assert renewal.renew(now + 3 * renewal.AGAIN) == 0


def test_an_import_of_one_template_says_nothing_of_the_others(
    account: Provider, registered: Template, endpoint: Endpoint
) -> None:
    other = Template.objects.create(
        provider=account, name="other", language="en", components=OLD, imported=OLD
    )
    lists(endpoint, f"{LIST}&name=edited_one", item())
    runs.start(account, name="edited_one")
    runs.drain()
    other.refresh_from_db()
    assert other.vanished_at is None
    assert runs.latest(account.pk) is None, "the schedule counts imports of the whole list"


def test_360dialog_is_asked_for_the_template_by_its_name(db: None, endpoint: Endpoint) -> None:
    base = endpoint.url.removesuffix("/messages")
    provider = make_provider(
        connector_slug="360dialog", credentials={"api_key": "key"}, options={"base_url": base}
    )
    row = Template.objects.create(
        provider=provider, name="edited_one", language="en", bsp_id="501", components=OLD, imported=OLD
    )
    wanted = quote('{"business_templates.name":"edited_one"}', safe=":")
    path = f"/v1/configs/templates?limit=200&offset=0&sort=business_templates.name&filters={wanted}"
    endpoint.pages[path] = (
        200,
        {},
        json.dumps({"waba_templates": [item(id="own", external_id="501")]}).encode(),
    )
    webhook = dict(cases.read("360dialog", "webhook"))["template_edited"]["request"]["json"]
    call_back(provider, "webhook", webhook)
    ingest.drain()
    runs.drain()
    row.refresh_from_db()
    assert (row.components, row.bsp_id) == (NEW, "501"), ImportRun.objects.get().error


def test_an_approval_without_a_list_changes_nothing(registered: Template, account: Provider) -> None:
    account.credentials |= {"waba_id": ""}
    account.save()
    told(account, event="APPROVED")
    registered.refresh_from_db()
    assert (registered.stale_since, ImportRun.objects.count()) == (None, 0)


def test_a_refusal_of_what_fits_is_a_doubt_and_asks_once(
    account: Provider, registered: Template, endpoint: Endpoint
) -> None:
    endpoint.reply = lambda _: (400, {}, b'{"error": {"code": 132000, "message": "Wrong number"}}')
    for values in (["Ana"], ["Ana", "A-1", "noon"]):
        assert refusal(account, *values) == ""
        dispatch.drain(account.pk)
        lists(endpoint, f"{LIST}&name=edited_one", item())
        runs.drain()
    assert ImportRun.objects.get().state == "done"
    registered.refresh_from_db()
    assert (registered.components, registered.stale_since) == (NEW, None)


def test_a_report_of_the_same_is_a_doubt_too(account: Provider, registered: Template) -> None:
    content = '{"type":"template","name":"edited_one","language":"en","body":[{"text":"Ana"}]}'
    row = MessageFactory(provider=account, status=Status.ACCEPTED, attempt=1, content=content)
    status = {"id": "wamid.1", "status": "failed", "biz_opaque_callback_data": f"wp-{row.pk}-1"}
    status |= {"timestamp": str(int(timezone.now().timestamp())), "errors": [{"code": 132000}]}
    value = {"metadata": {"phone_number_id": "810220330"}, "statuses": [status]}
    meta.post(account, {"entry": [{"id": "700200300", "changes": [{"field": "messages", "value": value}]}]})
    registered.refresh_from_db()
    assert (ImportRun.objects.get().name, registered.stale_since is None) == ("edited_one", False)


@pytest.mark.parametrize(
    ("connector", "code"),
    [
        ("twilio", "63028"),
        ("infobip", "7008"),
        ("gupshup", "132000"),
        ("gupshup", "4003"),
        ("gupshup-enterprise", "038"),
        ("exotel", "30023"),
        ("interakt", "132012"),
    ],
)
def test_every_bsp_has_its_words_for_it(connector: str, code: str) -> None:
    assert code in CONNECTORS[connector].misfit_codes


def at_twilio(endpoint: Endpoint) -> Template:
    """Twilio sends by its own numbering of the variables, as the list told it."""
    base = endpoint.url.removesuffix("/messages")
    provider = make_provider(
        connector_slug="twilio",
        waba_number="34911222333",
        credentials=cases.config("twilio", {}).credentials,
        options={"base_url": base},
    )
    return Template.objects.create(
        provider=provider,
        name="edited_one",
        language="en",
        bsp_id="HX1",
        components=OLD,
        imported=OLD,
        details={"slots": {"body": ["1"]}},
    )


def test_what_cannot_be_built_from_the_old_content_waits_for_the_new_one(
    db: None, endpoint: Endpoint
) -> None:
    endpoint.reply = lambda _: (201, {}, b'{"sid": "SM1", "status": "queued"}')
    row = at_twilio(endpoint)
    assert "2001" in refusal(row.provider, "Ana", "A-1")
    Template.objects.update(stale_since=timezone.now())
    cache.forget()
    assert refusal(row.provider, "Ana", "A-1") == ""
    dispatch.drain(row.provider_id)
    message = Message.objects.get()
    assert (message.status, endpoint.got) == (Status.QUEUED, [])
    assert "Held until the changed template is imported: body variable 2" in message.error_text
    components = [{"type": "BODY", "text": "Hello {{1}}, order {{2}}"}]
    details = {"slots": {"body": ["1", "2"]}}
    Template.objects.update(stale_since=None, components=components, details=details)
    cache.forget()
    Message.objects.update(next_attempt_at=timezone.now())
    dispatch.drain(row.provider_id)
    message.refresh_from_db()
    assert message.status == Status.ACCEPTED, message.error_text
    assert json.loads(endpoint.got[0]["ContentVariables"]) == {"1": "Ana", "2": "A-1"}


def test_a_number_that_is_none_is_refused_whatever_is_known_of_the_template(
    db: None, endpoint: Endpoint
) -> None:
    row = at_twilio(endpoint)
    Template.objects.update(stale_since=timezone.now())
    message = clevertaps(template={"namespace": "edited_one", "languageCode": "en"}, to="911")
    assert b"success" not in post(row.provider, message).body
