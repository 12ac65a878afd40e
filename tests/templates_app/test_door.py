"""What CleverTap is told at once about a message whose template is known, unknown or stopped."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from campaigns import dispatch
from campaigns.models import Message, Refusal, Status
from providers.models import Provider
from templates_app.models import SeenTemplate, Template
from tests.endpoints import Endpoint
from tests.factories import make_provider
from tests.gateway import SUCCESS, post, template

BODY = [{"type": "BODY", "text": "Hello {{1}}"}]


@pytest.fixture
def listed(provider: Provider) -> Provider:
    Template.objects.create(provider=provider, name="order_ready", language="en", components=BODY)
    return provider


def body(*values: str) -> list[dict[str, Any]]:
    return [{"type": "body", "body": {"parameters": [{"type": "text", "text": value} for value in values]}}]


def refusal(answer: Any) -> tuple[int, str]:
    assert answer.json["status"] == "failure"
    return answer.json["error"]["code"], answer.json["error"]["message"]


def test_a_message_that_fits_is_taken(listed: Provider) -> None:
    assert post(listed, template()).body == SUCCESS


def test_one_that_does_not_is_refused_before_anything_is_queued(listed: Provider) -> None:
    answer = post(listed, template(components=body("Mira", "8")))
    assert refusal(answer) == (2001, "body: the template has 1 variables, the message brings 2")
    assert not Message.objects.exists()
    assert Refusal.objects.get().code == 2001, "and an operator can see it"


def test_saving_a_template_at_clevertap_is_checked_too(listed: Provider) -> None:
    assert refusal(post(listed, template(msgId="0|0|0|0", components=body())))[0] == 2001


def test_another_language_is_another_template(listed: Provider) -> None:
    spanish = template(template={"namespace": "order_ready", "languageCode": "es"}, components=body())
    assert post(listed, spanish).body == SUCCESS


def test_an_unknown_template_passes_and_is_listed_as_seen(provider: Provider) -> None:
    post(provider, template())
    seen = SeenTemplate.objects.get()
    assert (seen.name, seen.language, seen.sample["body"]) == ("order_ready", "en", [{"text": "Mira"}])


def test_or_is_refused_where_the_provider_says_so(db: None) -> None:
    strict = make_provider(unknown_templates="refuse")
    code, words = refusal(post(strict, template()))
    assert (code, words) == (2001, "template order_ready (en): not registered with this provider")
    assert SeenTemplate.objects.exists(), "and is listed all the same"


@pytest.mark.parametrize("status", ["PAUSED", "DISABLED", "REJECTED"])
def test_a_stopped_template_is_refused_by_setting(db: None, status: str) -> None:
    provider = make_provider(stopped_templates="refuse")
    Template.objects.create(
        provider=provider, name="order_ready", language="en", status=status, components=BODY
    )
    code, words = refusal(post(provider, template()))
    assert (code, words) == (2001, f"template order_ready (en): {status.lower()}, so it is not sent")


def test_or_holds_its_messages_visibly_until_it_goes_on(db: None, endpoint: Endpoint) -> None:
    provider = make_provider(endpoint=endpoint.url)
    row = Template.objects.create(
        provider=provider, name="order_ready", language="en", status="PAUSED", components=BODY
    )
    assert post(provider, template()).body == SUCCESS
    dispatch.drain(provider.pk)
    message = Message.objects.get()
    assert (message.status, message.attempt) == (Status.QUEUED, 0)
    assert message.error_text == "Held: the template is paused."
    assert not endpoint.got
    Template.objects.filter(pk=row.pk).update(status="APPROVED")
    with time_machine.travel(timezone.now() + timedelta(minutes=3)):
        dispatch.drain(provider.pk)
    message.refresh_from_db()
    assert (message.status, message.error_text) == (Status.ACCEPTED, "")
