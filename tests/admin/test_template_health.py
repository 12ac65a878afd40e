"""The template health pages: one of all providers, one of each."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from campaigns.counting.deltas import add as add_counts
from campaigns.counting.keys import Key, minute
from campaigns.models import StatCount
from providers.messages import Button, TemplateContent, Value
from providers.models import Provider
from stats.template_health import traffic
from templates_app.gate import cache
from templates_app.history import changes
from templates_app.imports import runs
from templates_app.models import ImportRun, SeenTemplate, Template, TemplateChange
from tests.factories import MessageFactory, make_provider

Metric = StatCount.Metric
BODY = {"type": "BODY", "text": "Hello {{1}}"}


@pytest.fixture
def shop(db: None) -> Provider:
    return make_provider(nickname="Shop")


def url(provider: Provider) -> str:
    return f"/admin/providers/provider/{provider.pk}/template-health/"


def text(response: Any) -> str:
    return str(response.content.decode())


def make(provider: Provider, name: str, **values: Any) -> Template:
    defaults = {"language": "en", "components": [BODY]}
    return Template.objects.create(provider=provider, name=name, **defaults | values)


def count(provider: Provider, template: str, metric: int, number: int, code: int = 0, days: int = 0) -> None:
    at = minute(timezone.now() - timedelta(days=days))
    add_counts({Key(provider.pk, at, "c", "", template, metric, code): number})  # type: ignore[arg-type]


def sent(provider: Provider, template: str, words: str, **values: Any) -> Any:
    content = TemplateContent(template, "en", template, body=(Value("Mira"),), body_text=words)
    values |= {"content": msgspec.json.encode(content).decode(), "template": template}
    return MessageFactory(provider=provider, **values)


def test_an_empty_page_says_so(operator: Client, shop: Provider) -> None:
    shown = text(operator.get(url(shop)))
    for words in (
        "never",
        "only when somebody asks",
        "Every template that CleverTap used is registered",
        "agrees with what is registered",
        "CleverTap sent no template message",
        "Nothing.",
    ):
        assert words in shown


def test_last_and_next_import(operator: Client, shop: Provider) -> None:
    runs.import_now(shop)
    Provider.objects.update(import_every=3600)
    run = ImportRun.objects.get()
    shown = text(operator.get(url(shop)))
    assert f"/admin/templates_app/importrun/{run.pk}/change/" in shown
    assert "gives no template list" in shown
    next_at = timezone.localtime(run.queued_at + timedelta(hours=1))
    assert next_at.strftime("%Y-%m-%d %H:%M:%S") in shown
    assert "every hour" in shown


def test_states_are_counted_and_lead_to_their_lists(operator: Client, shop: Provider) -> None:
    make(shop, "a")
    make(shop, "b", status="PAUSED")
    make(shop, "c", status="PAUSED", vanished_at=timezone.now())
    make(shop, "d", unsupported="authentication templates")
    make(make_provider(), "e", status="PAUSED")
    states = {each.label: each for each in operator.get(url(shop)).context["states"]}
    counts = {label: state.count for label, state in states.items()}
    assert counts == {
        "Approved": 2,
        "Pending": 0,
        "Rejected": 0,
        "Paused": 1,
        "Disabled": 0,
        "Vanished": 1,
        "Not for CleverTap": 1,
    }
    for label, state in states.items():
        assert len(operator.get(state.url).context["cl"].result_list) == state.count, label


def test_what_changed_this_week(operator: Client, shop: Provider) -> None:
    template = make(shop, "a")
    old = timezone.now() - timedelta(days=8)
    entries = changes.assign(template, {"status": "PAUSED"}, "webhook", reason="Low quality")
    entries += changes.assign(template, {"quality": "RED"}, "webhook", at=old)
    entries += changes.assign(template, {"components": [BODY | {"text": "Hi {{1}}"}]}, "person", by="asha")
    TemplateChange.objects.bulk_create(entries)
    response = operator.get(url(shop))
    assert response.context["changed"]["counts"] == [("Content", 1), ("Status", 1)]
    shown = text(response)
    for words in ("APPROVED → PAUSED", "Low quality", "by asha", "Hi {{1}}"):
        assert words in shown
    assert "RED" not in shown


def test_traffic_and_its_failures(operator: Client, shop: Provider) -> None:
    make(shop, "sale")
    count(shop, "sale", Metric.ACCEPTED, 90)
    count(shop, "sale", Metric.ACCEPTED, 10, days=3)
    count(shop, "sale", Metric.NOT_SENT, 3, code=1001)
    count(shop, "sale", Metric.UNDELIVERED, 9, code=1008)
    count(shop, "sale", Metric.DELIVERED, 50)
    count(shop, "sale", Metric.ACCEPTED, 1000, days=8)
    count(shop, "stray", Metric.ACCEPTED, 5)
    count(make_provider(), "sale", Metric.ACCEPTED, 7)
    response = operator.get(url(shop))
    (sale, listed), (stray, stray_listed) = response.context["traffic"]
    assert (sale.template, sale.accepted, sale.failed, sale.rate, listed) == ("sale", 100, 12, 12.0, True)
    assert (sale.top_error, sale.top_count) == ("1008 outside window", 9)
    assert (stray.template, stray.rate, stray.top_error, stray_listed) == ("stray", 0.0, "", False)
    shown = text(response)
    assert "12.0 %" in shown
    assert f"/admin/campaigns/message/?provider={shop.pk}&amp;error=1008" in shown


def test_what_is_used_and_not_registered_is_created_with_one_click(operator: Client, shop: Provider) -> None:
    content = TemplateContent(
        "sale",
        "en",
        "shop:sale",
        body=(Value("Mira"),),
        body_text="Hello Mira",
        buttons=(Button(0, "dynamic_url", "See", "abc"),),
    )
    assert cache.find(shop.pk, content) is None
    seen = SeenTemplate.objects.get()
    create = f"/admin/templates_app/template/seen/{seen.pk}/create/"
    assert create in text(operator.get(url(shop)))
    answer = operator.post(create, follow=True)
    template = Template.objects.get()
    assert answer.redirect_chain[-1][0] == f"/admin/templates_app/template/{template.pk}/change/"
    assert (template.name, template.language, template.status) == ("sale", "en", "APPROVED")
    assert template.components[0]["text"] == "Hello {{1}}"
    entry = template.changes.get()
    assert (entry.kind, entry.source, entry.by) == ("created", "person", "mira")
    assert LogEntry.objects.get().is_addition()
    assert cache.find(shop.pk, content) is not None
    assert create not in text(operator.get(url(shop)))
    operator.post(create)
    assert Template.objects.count() == 1, "a second click creates nothing"


def test_a_template_registered_under_its_whole_name_is_not_missing(operator: Client, shop: Provider) -> None:
    cache.find(shop.pk, TemplateContent("sale", "en", "shop:sale"))
    cache.find(shop.pk, TemplateContent("sale", "hi", "shop:sale"))
    make(shop, "shop:sale")
    assert [seen.language for seen in operator.get(url(shop)).context["unregistered"]] == ["hi"]


def test_what_clevertap_sends_differently(operator: Client, shop: Provider) -> None:
    template = make(shop, "sale")
    make(shop, "fine")
    sent(shop, "sale", "Hello Mira")
    last = sent(shop, "sale", "Dear Mira")
    sent(shop, "fine", "Hello Mira")
    sent(shop, "unknown", "Hello Mira")
    sent(make_provider(), "sale", "Ho ho")
    response = operator.get(url(shop))
    [drifted] = response.context["drifted"]
    assert drifted.template == template
    shown = text(response)
    assert "Dear Mira" in shown
    assert f"/admin/campaigns/message/{last.pk}/change/" in shown
    assert "Ho ho" not in shown


def test_a_quiet_template_is_found_by_its_last_minute(
    operator: Client, shop: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traffic, "WINDOW", 2)
    make(shop, "quiet")
    then = timezone.now() - timedelta(days=2)
    sent(shop, "quiet", "Dear Mira", accepted_at=then)
    count(shop, "quiet", Metric.ACCEPTED, 1, days=2)
    for _ in range(5):
        MessageFactory(provider=shop)
    [drifted] = operator.get(url(shop)).context["drifted"]
    assert drifted.template.name == "quiet"


def test_nothing_of_another_providers_templates_is_told(
    operator: Client, shop: Provider, other_shop: Provider
) -> None:
    """Though it has those of the same names, used, changed, failing, and stopped."""
    make(other_shop, "stray")
    count(other_shop, "sale", Metric.ACCEPTED, 40)
    count(other_shop, "sale", Metric.NOT_SENT, 4, code=1001)
    cache.find(other_shop.pk, TemplateContent("unknown", "en"))
    template = make(shop, "sale")
    make(other_shop, "sale", status="PAUSED", components=[{"type": "BODY", "text": "Sold out"}])
    count(shop, "sale", Metric.ACCEPTED, 10)
    count(shop, "stray", Metric.ACCEPTED, 5)
    sent(shop, "sale", "Hello Mira")
    sent(other_shop, "sale", "Sold out, Mira")
    context = operator.get(url(shop)).context
    assert context["drifted"] == []
    assert [(each.template, each.accepted, each.failed, listed) for each, listed in context["traffic"]] == [
        ("sale", 10, 0, True), ("stray", 5, 0, False),
    ]  # fmt: skip
    assert list(context["unregistered"]) == []
    assert sum(state.count for state in context["states"] if state.label == "Paused") == 0
    sent(shop, "sale", "Bye Mira")
    (drifted,) = operator.get(url(shop)).context["drifted"]
    assert drifted.template == template


def test_freeform_messages_are_no_templates(operator: Client, shop: Provider) -> None:
    MessageFactory(
        provider=shop, kind=0, template="", content='{"type":"freeform","kind":"text","text":"Hi"}'
    )
    assert operator.get(url(shop)).context["drifted"] == []


def test_all_providers_at_a_glance(operator: Client, shop: Provider) -> None:
    overview = "/admin/providers/provider/template-health/"
    assert operator.get(overview, status=302)["Location"] == url(shop), "one provider needs no list"
    other = make_provider(nickname="Other")
    make(shop, "a", status="PAUSED")
    cache.find(shop.pk, TemplateContent("sale", "en"))
    for _ in range(5):
        runs.import_now(other)
    rows = {row["provider"].nickname: row for row in operator.get(overview).context["rows"]}
    assert (rows["Shop"]["templates"], rows["Shop"]["stopped"], rows["Shop"]["unregistered"]) == (1, 1, 1)
    assert (rows["Shop"]["alarm"], rows["Shop"]["last"]) == ("", None)
    assert rows["Other"]["alarm"]
    shown = text(operator.get(overview))
    assert "Failed five times in a row" in shown
    assert overview in shown, "the navigation leads here"


def test_it_takes_the_permission_to_see_templates(
    looker: Client, signed_in: Any, operator: Client, shop: Provider
) -> None:
    shown = text(looker.get(url(shop)))
    assert "Import now" not in shown
    stranger = signed_in(["view_provider"])
    for page in (url(shop), "/admin/providers/provider/template-health/"):
        stranger.get(page, status=403)
    cache.find(shop.pk, TemplateContent("sale", "en"))
    seen = SeenTemplate.objects.get()
    assert "Create it" not in text(looker.get(url(shop)))
    looker.post(f"/admin/templates_app/template/seen/{seen.pk}/create/", status=403)
    operator.get(f"/admin/templates_app/template/seen/{seen.pk}/create/", status=403)
    operator.post("/admin/templates_app/template/seen/99/create/", status=404)
    operator.get("/admin/providers/provider/99/template-health/", status=404)
