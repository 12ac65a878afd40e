"""Deleting a template that a broadcast under way sends is warned of first."""

from typing import Any

import pytest
from django.test import Client

from broadcasts.models import Broadcast
from providers.models import Provider
from templates_app.models import Template
from tests.admin.conftest import operator, operator_user, signed_in
from tests.broadcasts.conftest import make_broadcast
from tests.factories import make_provider

__all__ = ["operator", "operator_user", "signed_in"]

TEMPLATES = "/admin/templates_app/template/"


def text(response: Any) -> str:
    return str(response.content.decode())


def asked(operator: Client, template: Template) -> str:
    """The page that asks, as the template's own page and the list's action lead to it."""
    one = text(operator.get(f"{TEMPLATES}{template.pk}/delete/"))
    form = {"action": "delete_selected", "_selected_action": [template.pk]}
    several = text(operator.post(TEMPLATES, form))
    assert ("Spring sale" in one) == ("Spring sale" in several)
    return one


@pytest.mark.parametrize("state", ["scheduled", "running", "paused"])
def test_a_broadcast_under_way_is_named(operator: Client, provider: Provider, state: str) -> None:
    broadcast = make_broadcast(provider)
    Broadcast.objects.filter(pk=broadcast.pk).update(state=state)
    shown = asked(operator, Template.objects.get())
    assert f"The broadcast “Spring sale” ({state}) sends" in shown
    assert Template.objects.exists(), "it only asks"


@pytest.mark.parametrize("state", ["draft", "done", "cancelled"])
def test_others_need_no_warning(operator: Client, provider: Provider, state: str) -> None:
    broadcast = make_broadcast(provider)
    Broadcast.objects.filter(pk=broadcast.pk).update(state=state)
    assert "Spring sale" not in asked(operator, Template.objects.get())


def test_a_template_of_that_name_elsewhere_is_another(operator: Client, provider: Provider) -> None:
    broadcast = make_broadcast(provider)
    Broadcast.objects.filter(pk=broadcast.pk).update(state="running")
    mine = Template.objects.get()
    other = Template.objects.create(
        provider=make_provider(), name=mine.name, language=mine.language, components=mine.components
    )
    spanish = Template.objects.create(
        provider=provider, name=mine.name, language="es", components=mine.components
    )
    assert "Spring sale" not in asked(operator, other)
    assert "Spring sale" not in asked(operator, spanish)


def test_it_is_deleted_when_confirmed(operator: Client, provider: Provider) -> None:
    broadcast = make_broadcast(provider)
    Broadcast.objects.filter(pk=broadcast.pk).update(state="running")
    operator.post(f"{TEMPLATES}{Template.objects.get().pk}/delete/", {"post": "yes"})
    assert not Template.objects.exists()
