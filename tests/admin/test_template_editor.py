"""Writing a template by hand: the form, its live preview, and what saving leaves behind."""

import json
from typing import Any

import msgspec
import pytest
from django.test import Client

from providers.models import Provider
from templates_app.content import draft as drafts
from templates_app.content.draft import Button, Draft, Header, Words
from templates_app.models import Template, TemplateChange
from tests.factories import make_provider

ADD = "/admin/templates_app/template/add/"
PREVIEW = "/admin/templates_app/template/preview/"
HELLO = [{"type": "BODY", "text": "Hello {{1}}, welcome.", "example": {"body_text": [["Mira"]]}}]


def written(draft: Draft) -> str:
    return msgspec.json.encode(draft).decode()


def form(provider: Provider, draft: Draft | None = None, **values: Any) -> dict[str, Any]:
    """A new template's form as the editor posts it."""
    return {
        "provider": provider.pk,
        "name": "sale",
        "language": "en",
        "category": "MARKETING",
        "status": "APPROVED",
        "parameter_format": "POSITIONAL",
        "ttl_seconds": "",
        "bsp_id": "",
        "content": "",
        "content-base": "",
        "content-draft": written(draft or Draft(body=Words("Hello {{1}}, welcome.", {"1": "Mira"}))),
    } | values


def page(template: Template) -> str:
    return f"/admin/templates_app/template/{template.pk}/change/"


def again(client: Client, template: Template, **values: Any) -> dict[str, Any]:
    """The form of a stored template as a browser would post it back, unchanged but for `values`."""
    found = client.get(page(template)).context["adminform"].form
    data: dict[str, Any] = {}
    for bound in found:
        if bound.name == "content":
            continue
        data[bound.html_name] = data[bound.html_initial_name] = (
            bound.value() if bound.value() is not None else ""
        )
    widget = found["content"].field.widget.get_context("content", found["content"].value(), {})["widget"]
    data |= {
        "content": widget["components"],
        "content-base": widget["base"],
        "content-draft": widget["draft"],
    }
    return data | values


def refused(response: Any) -> str:
    assert response.status_code == 200, "the form was accepted"
    return str(response.content.decode())


@pytest.fixture
def shop(db: None) -> Provider:
    return make_provider(nickname="Shop")


@pytest.fixture
def hello(shop: Provider) -> Template:
    return Template.objects.create(
        provider=shop, name="hello", language="en", components=HELLO, imported=HELLO, quality="GREEN"
    )


def test_a_template_is_written(operator: Client, shop: Provider) -> None:
    draft = Draft(
        header=Header("IMAGE", media="https://cdn.example.test/1.png"),
        body=Words("Hello {{1}}, welcome.", {"1": "Mira"}),
        footer="Bye",
        buttons=[
            Button("URL", "Shop", "https://shop.example.test/{{1}}", example="a", tracked=True),
            Button("QUICK_REPLY", "Stop"),
        ],
    )
    operator.post(ADD, form(shop, draft), status=302)
    template = Template.objects.get()
    assert [each["type"] for each in template.components] == ["HEADER", "BODY", "FOOTER", "BUTTONS"]
    assert template.tracked == ["button.0"]
    assert template.imported is None
    change = template.changes.get()
    assert (change.kind, change.source, change.by) == ("created", "person", "mira")


def test_the_language_is_brought_into_metas_spelling(operator: Client, shop: Provider) -> None:
    operator.post(ADD, form(shop, language="en(uk)"))
    assert Template.objects.get().language == "en_GB"


def test_without_the_editors_script_the_json_counts(operator: Client, shop: Provider) -> None:
    values = {"content-draft": "", "content": json.dumps(HELLO)}
    operator.post(ADD, form(shop, **values), status=302)
    assert Template.objects.get().components == HELLO


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"content": ""}, "The template is empty"),
        ({"content": "{"}, "The components are not JSON"),
        ({"content": '{"type": "BODY"}'}, "a JSON list of objects"),
        ({"content": "[1]"}, "a JSON list of objects"),
        ({"content-draft": "{"}, "could not be read"),
        ({"content-draft": '{"buttons": [{}]}'}, "could not be read"),
        ({"content": '[{"type": "BODY", "text": "{{1}} hi"}]'}, "Body: A variable cannot be the first"),
    ],
)
def test_content_that_cannot_be_read(
    operator: Client, shop: Provider, values: dict[str, str], words: str
) -> None:
    assert words in refused(operator.post(ADD, form(shop, **{"content-draft": ""} | values)))
    assert not Template.objects.exists()


def test_errors_name_the_field_and_keep_what_was_written(operator: Client, shop: Provider) -> None:
    draft = Draft(body=Words("x" * 1025), buttons=[Button("URL", "A button", "nowhere")])
    shown = refused(operator.post(ADD, form(shop, draft, name="Order Ready", language="xx")))
    assert "Body: 1,025 characters; Meta allows 1,024." in shown
    assert "Button 1, URL: Write the whole address" in shown
    assert "Meta allows only the letters a to z" in shown
    assert "xx is not one of Meta" in shown
    assert "A button" in shown
    assert not Template.objects.exists()


def test_a_second_of_the_same_name_and_language(operator: Client, shop: Provider, hello: Template) -> None:
    words = "already has a template of that name and language"
    assert words in refused(operator.post(ADD, form(shop, name="hello")))
    operator.post(ADD, form(make_provider(), name="hello"), status=302)
    other = Template.objects.create(provider=shop, name="other", language="en", components=HELLO)
    assert words in refused(operator.post(page(other), again(operator, other, name="hello")))


def test_only_what_a_person_changed_is_saved(operator: Client, hello: Template) -> None:
    data = again(operator, hello, status="PAUSED")
    imported = [{"type": "BODY", "text": "Hello again, {{1}} dear."}]
    Template.objects.filter(pk=hello.pk).update(components=imported, imported=imported, category="UTILITY")
    operator.post(page(hello), data, status=302)
    hello.refresh_from_db()
    assert (hello.status, hello.category, hello.components) == ("PAUSED", "UTILITY", imported)
    assert [(each.kind, each.before, each.after, each.by) for each in hello.changes.all()] == [
        ("status", "APPROVED", "PAUSED", "mira")
    ]


def test_an_edit_enters_the_timeline_and_is_told_from_the_import(operator: Client, hello: Template) -> None:
    draft = drafts.read(hello.components)
    draft.footer = "Bye"
    data = again(operator, hello, category="UTILITY", **{"content-draft": written(draft)})
    operator.post(page(hello), data, status=302)
    hello.refresh_from_db()
    assert hello.edited
    assert hello.previous_category == "MARKETING"
    assert set(hello.changes.values_list("kind", "source")) == {("category", "person"), ("content", "person")}
    shown = operator.get(page(hello)).content.decode()
    assert "edited by hand since" in shown


def test_what_the_bsp_lists_stands_until_it_is_edited(operator: Client, shop: Provider) -> None:
    """A rule of Meta's does not keep anybody from pausing a template that breaks it."""
    odd = [{"type": "BODY", "text": "{{1}} is a name. Bye {{7}}"}, {"type": "Order_Details"}]
    template = Template.objects.create(
        provider=shop, name="Odd-Name", language="en", components=odd, imported=odd
    )
    operator.post(page(template), again(operator, template, status="PAUSED"), status=302)
    template.refresh_from_db()
    assert (template.status, template.components) == ("PAUSED", odd)
    assert template.unsupported == "the component order_details"
    draft = drafts.read(odd)
    draft.footer = "Bye"
    shown = refused(
        operator.post(page(template), again(operator, template, **{"content-draft": written(draft)}))
    )
    assert "Body: " in shown


def test_tracking_alone_leaves_the_components_as_they_came(operator: Client, shop: Provider) -> None:
    parts = [
        {"type": "buttons", "buttons": [{"url": "https://a.test/{{1}}", "type": "url", "text": "Go"}]},
        {"type": "body", "text": "Hello there."},
    ]
    template = Template.objects.create(provider=shop, name="go", language="en", components=parts)
    draft = drafts.read(parts)
    draft.buttons[0].tracked = True
    operator.post(page(template), again(operator, template, **{"content-draft": written(draft)}))
    template.refresh_from_db()
    assert (template.tracked, template.components) == (["button.0"], parts)
    assert not TemplateChange.objects.exists()


def test_the_preview_says_how_it_looks_and_what_is_wrong(operator: Client, shop: Provider) -> None:
    draft = Draft(
        body=Words("Hello *{{1}}*, <b>welcome</b>.", {"1": "Mira"}), buttons=[Button("URL", "Shop")]
    )
    found = operator.post(PREVIEW, form(shop, draft, name="")).json()
    assert ">Mira</span></strong>" in found["preview"]
    assert "&lt;b&gt;" in found["preview"]
    assert set(found["problems"]) == {"name", "buttons.0.url"}
    assert found["labels"]["buttons.0.url"] == "Button 1, url"
    assert json.loads(found["components"])[0]["text"] == draft.body.text
    assert found["draft"]["body"]["examples"] == {"1": "Mira"}
    assert not Template.objects.exists()


def test_tracking_that_cannot_work_is_said(operator: Client, shop: Provider, settings: Any) -> None:
    settings.PUBLIC_BASE_URL = "https://way.example"
    buttons = [
        Button("URL", "Shop", "https://shop.example.test/{{1}}", example="a", tracked=True),
        Button("URL", "Ours", "https://way.example/l/{{1}}", example="a", tracked=True),
    ]
    hints = operator.post(PREVIEW, form(shop, Draft(body=Words("Hello."), buttons=buttons))).json()["hints"]
    assert list(hints) == ["buttons.0.tracked"]
    assert "only on https://way.example/l/{{1}}" in hints["buttons.0.tracked"]


def test_the_preview_knows_which_template_it_is_of(operator: Client, hello: Template) -> None:
    data = again(operator, hello)
    assert operator.post(f"{PREVIEW}?template={hello.pk}", data).json()["problems"] == {}
    assert "already has" in operator.post(PREVIEW, data).json()["problems"]["__all__"]
    operator.post(f"{PREVIEW}?template=999999", data, status=403)
    operator.get(PREVIEW, status=405)
    broken = data | {"content-draft": "", "content": "["}
    assert "not JSON" in operator.post(PREVIEW, broken).json()["problems"]["content"]


def test_the_facts_above_the_form(operator: Client, hello: Template) -> None:
    shown = operator.get(page(hello)).content.decode()
    for words in ("About this template", "GREEN", "yes, unchanged since", "templateEditor"):
        assert words in shown


def test_who_may_only_look_sees_the_message(looker: Client, hello: Template) -> None:
    shown = looker.get(page(hello)).content.decode()
    assert "wp-bubble" in shown
    assert "templateEditor" not in shown
    looker.post(f"{PREVIEW}?template={hello.pk}", {}, status=403)
    looker.post(PREVIEW, {}, status=403)


def test_fields_and_components_from_the_address(operator: Client, shop: Provider) -> None:
    query = {"name": "seen", "language": "en", "provider": shop.pk, "components": json.dumps(HELLO)}
    shown = operator.get(ADD, query).content.decode()
    assert 'value="seen"' in shown
    assert 'list="template-languages"' in shown
    assert "welcome." in shown
    operator.get(ADD, {"components": "["})
